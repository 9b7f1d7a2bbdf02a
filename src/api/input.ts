/** From an HTTP request to the checked input of an operation, as the contract says. */
import type { Context } from "hono";
import { z } from "zod";
import type { Operation } from "../contract/operations.ts";
import type { QueryKind, Route } from "../contract/routes.ts";
import { pathParameterSchemas } from "../contract/schemas.ts";
import { ApiFailure } from "./failure.ts";

const BODY_BYTES_MAX = 1024 * 1024;

/** Errors in one answer. */
const ISSUES_MAX = 20;

export interface LooseInput {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
  /** The header If-Match. */
  readonly ifMatch: string | undefined;
  /** Of streams: where a caller that comes back had got to. */
  readonly lastEventId: string | undefined;
}

/** @throws {ApiFailure} `invalid-request`, `invalid-json` or `body-too-large` */
export async function readInput(context: Context, route: Route, operation: Operation): Promise<LooseInput> {
  const params = check(paramsSchema(route), context.req.param());
  const query =
    operation.query && check(operation.query, readQuery(new URL(context.req.url).searchParams, route.query));
  const body = operation.body && check(operation.body, parseJson(await readBody(context.req.raw)));
  const text = route.text ? await readBody(context.req.raw) : undefined;
  const lastEventId = route.stream ? context.req.header("last-event-id") : undefined;
  return { params, query, body: body ?? text, ifMatch: context.req.header("if-match"), lastEventId };
}

const paramsSchemas = new Map<string, z.ZodType<Record<string, string>>>();

function paramsSchema(route: Route): z.ZodType<Record<string, string>> {
  let schema = paramsSchemas.get(route.path);
  if (schema === undefined) {
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as keyof typeof pathParameterSchemas);
    schema = z.object(Object.fromEntries(names.map((name) => [name, pathParameterSchemas[name]])));
    paramsSchemas.set(route.path, schema);
  }
  return schema;
}

/** Parameters that the route does not know are ignored, as Cloudflare does. */
function readQuery(given: URLSearchParams, kinds: Route["query"] = {}): Record<string, unknown> {
  const query: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(kinds)) {
    const values = given.getAll(name);
    if (values.length > 0) query[name] = readQueryValue(name, kind, values);
  }
  return query;
}

function readQueryValue(name: string, kind: QueryKind, values: readonly string[]): unknown {
  switch (kind) {
    case "list":
      return values;
    case "commaList":
      return values.flatMap((value) => value.split(",")).filter((value) => value !== "");
    case "integer":
    case "number":
    case "text": {
      if (values.length > 1) throw new ApiFailure("invalid-request", `${name}: must be given once`);
      const value = values[0]!;
      // What is not a number stays as it is, and the schema says what it wants instead.
      return kind !== "text" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    }
  }
}

async function readBody({ headers, body }: Request): Promise<string> {
  if (Number(headers.get("content-length")) > BODY_BYTES_MAX) throw new ApiFailure("body-too-large");
  if (body === null) return "";
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) throw new ApiFailure("body-too-large");
  }
  // A byte order mark is no part of the JSON.
  return new TextDecoder().decode(Buffer.concat(pieces));
}

/** Whatever the Content-Type says: some clients send JSON as text/plain. */
function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiFailure("invalid-json", `the body is not JSON: ${(error as Error).message}`);
  }
}

/** @throws {ApiFailure} `invalid-request`, with what is wrong in each place */
export function check<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, ISSUES_MAX);
  throw new ApiFailure("invalid-request", ...issues.map(describeIssue));
}

function describeIssue({ path, message, code, input }: z.core.$ZodIssue): string {
  const where = path.length === 0 ? "the body" : path.join(".");
  return `${where}: ${code === "invalid_type" && input === undefined ? "is required" : message}`;
}
