/** The contract as an OpenAPI 3.1 document, for other programs and for docs/api.md. */
import { z } from "zod";
import { type ErrorEntry, type ErrorName, apiErrors } from "./errors.ts";
import { type Operation, operations } from "./operations.ts";
import { BASE_PATH, type OperationName, type QueryKind, type Route, routes } from "./routes.ts";
import { pathParameterSchemas } from "./schemas.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface ApiResponse {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

export interface ApiOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<Record<string, ApiResponse>>;
}

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: JsonSchema;
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly JsonSchema[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>>; readonly securitySchemes: JsonSchema };
}

const DESCRIPTION = `Brokers, credentials and running clients of a pubsub server. The operations of Cloudflare Pub/Sub are as they were
there. Every answer but a stream or a text is an envelope: \`success\`, \`errors\` with a \`code\` and a \`message\` each,
\`messages\` that say what to do, \`result\`, and \`result_info\` where a list has pages.`;

/** Errors that every operation can end with, besides its own. */
const EVERYWHERE: readonly ErrorName[] = [
  "not-authenticated",
  "wrong-api-token",
  "host-not-allowed",
  "scope-too-low",
  "invalid-request",
  "internal-error",
];

/** @returns a new document; it depends on the contract alone */
export function openApiDocument(): OpenApiDocument {
  const schemas: Record<string, JsonSchema> = { Error: errorSchema };
  const paths: Record<string, Record<string, ApiOperation>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const operation: Operation = operations[name as OperationName];
    (paths[route.path] ??= {})[route.method.toLowerCase()] = describeOperation(name, route, operation, schemas);
  }
  return {
    openapi: "3.1.0",
    info: { title: "pubsub management API", version: "4", description: DESCRIPTION },
    servers: [{ url: BASE_PATH }],
    security: [{ apiToken: [] }, { authKey: [], authEmail: [] }],
    tags: [...new Set(Object.values<Route>(routes).map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        apiToken: { type: "http", scheme: "bearer" },
        authKey: {
          type: "apiKey",
          in: "header",
          name: "X-Auth-Key",
          description: "the same token, as older clients send it",
        },
        authEmail: { type: "apiKey", in: "header", name: "X-Auth-Email", description: "anything" },
      },
    },
  };
}

type Schemas = Record<string, JsonSchema>;

function describeOperation(name: string, route: Route, operation: Operation, schemas: Schemas): ApiOperation {
  const { summary, query, body, result } = operation;
  const content = route.stream
    ? { "text/event-stream": { schema: jsonSchema(result, "output", schemas) } }
    : route.text
      ? { "text/plain": { schema: jsonSchema(result, "output", schemas) } }
      : { "application/json": { schema: envelope(jsonSchema(result, "output", schemas), route) } };
  const description = route.stream ? "server-sent events: the JSON of each is" : "success";
  return {
    operationId: name,
    summary,
    description: `Takes an API token with the scope ${route.scope}.`,
    tags: [tagOf(route)],
    parameters: [
      ...pathParameters(route, schemas),
      ...(query === undefined ? [] : queryParameters(route, query, schemas)),
      ...(route.stream ? [lastEventId] : []),
      ...(route.etag && route.method === "PATCH" ? [ifMatch] : []),
    ],
    ...(route.text &&
      route.method === "POST" && {
        requestBody: { content: { "text/plain": { schema: { type: "string" } } } },
      }),
    ...(body !== undefined && {
      requestBody: { content: { "application/json": { schema: jsonSchema(body, "input", schemas) } } },
    }),
    responses: {
      "200": { description, content },
      ...(route.method === "PUT" && { "201": { description: "success: it is new", content } }),
      ...errorResponses(route, operation),
    },
  };
}

function tagOf({ path }: Route): string {
  const [, ofBroker] = /\{broker\}\/([a-z]+)/.exec(path) ?? [];
  if (ofBroker !== undefined) return ofBroker === "session" ? "sessions" : ofBroker;
  if (path.includes("/analytics_engine")) return "analytics";
  const tags = ["brokers", "namespaces", "api-tokens"];
  return tags.find((tag) => path.includes(`/${tag}`)) ?? "server";
}

function pathParameters({ path }: Route, schemas: Schemas): Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: "path",
    required: true,
    schema: jsonSchema(pathParameterSchemas[name as keyof typeof pathParameterSchemas], "input", schemas),
  }));
}

function queryParameters(route: Route, query: z.ZodObject, schemas: Schemas): Parameter[] {
  const { properties, required = [] } = jsonSchema(query, "input", schemas) as {
    properties: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => {
    const texts = [description as string | undefined, howWritten(route.query?.[name])].filter(
      (text) => text !== undefined,
    );
    return {
      name,
      in: "query",
      ...(required.includes(name) && { required: true }),
      ...(texts.length > 0 && { description: texts.join("; ") }),
      schema,
    };
  });
}

function howWritten(kind: QueryKind | undefined): string | undefined {
  if (kind === "list") return "several are written by repeating the parameter";
  return kind === "commaList" ? "several are written with commas or by repeating the parameter" : undefined;
}

const lastEventId: Parameter = {
  name: "Last-Event-ID",
  in: "header",
  description: "the `id` of the last event that a caller got which comes back: the stream goes on behind it",
  schema: { type: "string" },
};

const ifMatch: Parameter = {
  name: "If-Match",
  in: "header",
  description: "the ETag of an earlier answer: the change is made only if nobody else has changed anything since",
  schema: { type: "string" },
};

function envelope(result: JsonSchema, route: Route): JsonSchema {
  const isPaged = route.query !== undefined && "page" in route.query;
  const integer = { type: "integer" };
  const info = { page: integer, per_page: integer, count: integer, total_count: integer, total_pages: integer };
  const properties = {
    success: { const: true },
    errors: { type: "array", maxItems: 0 },
    messages: { type: "array", items: { type: "string" } },
    result,
    ...(isPaged && { result_info: { type: "object", properties: info, required: Object.keys(info) } }),
  };
  return { type: "object", properties, required: Object.keys(properties) };
}

const errorSchema: JsonSchema = {
  type: "object",
  properties: {
    success: { const: false },
    errors: {
      type: "array",
      items: {
        type: "object",
        properties: { code: { type: "integer" }, message: { type: "string" } },
        required: ["code", "message"],
      },
    },
    messages: { type: "array", items: { type: "string" }, description: "what to do about it" },
    result: { type: "null" },
  },
  required: ["success", "errors", "messages", "result"],
};

/** Names of all errors that the operation can end with. */
function errorsOf(route: Route, operation: Operation): ErrorName[] {
  return [
    ...EVERYWHERE,
    ...(route.path.includes("{account}") ? (["account-not-found"] as const) : []),
    ...(route.path.includes("{namespace}") || route.scope === "write" ? (["namespace-not-allowed"] as const) : []),
    ...(route.body ? (["invalid-json", "body-too-large"] as const) : []),
    ...(route.method === "GET" || route.text ? [] : (["storage-failed"] as const)),
    ...operation.errors,
  ];
}

function errorResponses(route: Route, operation: Operation): Record<string, ApiResponse> {
  const byStatus: Record<string, string[]> = {};
  for (const name of errorsOf(route, operation)) {
    const { status, code, message }: ErrorEntry = apiErrors[name];
    (byStatus[status] ??= []).push(`${code} ${name}: ${message}`);
  }
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, texts]) => [status, { description: texts.join("\n"), content }]),
  );
}

/** What has a name goes to `schemas`, and a reference to it takes its place. */
function jsonSchema(schema: z.ZodType, io: "input" | "output", schemas: Schemas): JsonSchema {
  const json = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema: each }) => {
      // The pattern says no more than the format, at length.
      if (each.format === "date-time") delete each.pattern;
      if (each.minimum === Number.MIN_SAFE_INTEGER) delete each.minimum;
      if (each.maximum === Number.MAX_SAFE_INTEGER) delete each.maximum;
      // Answers may get more fields without notice.
      if (io === "output" && each.additionalProperties === false) delete each.additionalProperties;
    },
  });
  const { $schema: _, $defs = {}, ...rest } = renamed(json) as { $schema: string; $defs?: Schemas };
  Object.assign(schemas, $defs);
  return rest;
}

function renamed(json: unknown): unknown {
  const text = JSON.stringify(json).replaceAll('"#/$defs/', '"#/components/schemas/');
  return JSON.parse(text) as unknown;
}
