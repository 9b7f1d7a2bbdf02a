/** docs/api.md, made from the OpenAPI document. */
import { type ErrorEntry, apiErrors } from "../../src/contract/errors.ts";
import type { ApiOperation, JsonSchema, OpenApiDocument, Parameter } from "../../src/contract/openapi.ts";
import { type Operation, operations } from "../../src/contract/operations.ts";
import type { OperationName } from "../../src/contract/routes.ts";

const INTRODUCTION = `# Management API

<!-- Made by \`npm run contract\` from src/contract; changes here are lost. -->

\`pubsub dev\` and \`pubsub serve\` listen on \`http://127.0.0.1:8880\`. Every path below follows \`BASE_PATH\`. The same as
OpenAPI 3.1: [openapi.json](openapi.json), which a server gives at \`/openapi.json\`.

Each request needs an API token: \`Authorization: Bearer TOKEN\`, or, as in older clients, \`X-Auth-Key: TOKEN\` with any
\`X-Auth-Email\`. A token has a scope: \`read\`, \`write\`, which includes it, or \`admin\`, which is everything; one that is for
a namespace is good for what is in it. \`{account}\` is the id that \`GET /memberships\` gives.

Answers are JSON: \`{"success": true, "errors": [], "messages": [], "result": …}\`, lists with \`result_info\`. Errors have
\`"success": false\` and in \`errors\` a \`code\` and a \`message\` for each thing that is wrong; \`messages\` says what to do.

\`\`\`sh
curl -H "Authorization: Bearer $PUBSUB_API_TOKEN" http://127.0.0.1:8880BASE_PATH/memberships
\`\`\`
`;

export function referencePage(document: OpenApiDocument): string {
  const parts = [INTRODUCTION.replaceAll("BASE_PATH", document.servers[0]!.url)];
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  for (const { name } of document.tags) {
    parts.push(`## ${name}\n`);
    for (const { path, method, operation } of operations) {
      if (operation.tags.includes(name)) parts.push(describeOperation(path, method, operation));
    }
  }
  parts.push("## Objects\n");
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    const { description } = schema as { description?: string };
    parts.push(
      [`### ${name}\n`, ...(description === undefined ? [] : [`${description}\n`]), fieldsOf(schema)].join("\n"),
    );
  }
  parts.push("## Errors\n\nAny operation can end with those below 17100.\n", errorTable());
  return parts.join("\n");
}

function describeOperation(path: string, method: string, operation: ApiOperation): string {
  const { parameters, requestBody, responses, summary, operationId, description } = operation;
  const lines = [`### ${summary}\n`, `\`${method.toUpperCase()} ${path}\` · \`${operationId}\`. ${description}\n`];
  const inQuery = parameters.filter((parameter) => parameter.in !== "path");
  if (inQuery.length > 0) {
    lines.push(table(["Parameter", "Type", ""], inQuery.map(parameterRow)));
  }
  if (requestBody !== undefined) {
    const body = requestBody.content["application/json"];
    if (body === undefined) lines.push("Body: text\n");
    else lines.push(`Body:\n`, fieldsOf(body.schema));
  }
  const [[type, { schema }]] = Object.entries(responses["200"]!.content) as [[string, { schema: JsonSchema }]];
  if (type === "text/plain") {
    lines.push(`Result: text, ${schema["description"] as string}.\n`);
    return lines.join("\n");
  }
  const isStream = type === "text/event-stream";
  const result = isStream ? schema : (schema["properties"] as Record<string, JsonSchema>)["result"]!;
  lines.push(`${isStream ? "Server-sent events, each" : "Result"}: ${typeOf(result)}\n`);
  if (result["properties"] !== undefined) lines.push(fieldsOf(result));
  const own = ownErrors(operationId);
  if (own.length > 0) lines.push(`Errors: ${own.join(", ")}.\n`);
  return lines.join("\n");
}

function ownErrors(operationId: string): string[] {
  const { errors }: Operation = operations[operationId as OperationName];
  return errors.map((name) => `[${name}](#errors)`);
}

function errorTable(): string {
  const rows = Object.entries<ErrorEntry>(apiErrors).map(([name, { code, status, message, hint = "" }]) => [
    `\`${code}\``,
    String(status),
    name,
    message,
    hint,
  ]);
  return table(["Code", "Status", "Name", "Message", "What to do"], rows);
}

function parameterRow({ name, in: place, required, description = "", schema }: Parameter): string[] {
  const header = place === "header" ? " (header)" : "";
  return [`\`${name}\`${header}${required ? " *" : ""}`, typeOf(schema), withDefault(description, schema)];
}

/** A table of the fields of an object, or of each kind of object that there may be. */
function fieldsOf(schema: JsonSchema): string {
  const alternatives = (schema["oneOf"] ?? schema["anyOf"]) as JsonSchema[] | undefined;
  if (alternatives !== undefined) return alternatives.map(fieldsOf).join("\n");
  const required = new Set(schema["required"] as string[] | undefined);
  const rows = Object.entries((schema["properties"] ?? {}) as Record<string, JsonSchema>).map(([name, field]) => [
    `\`${name}\`${required.has(name) ? " *" : ""}`,
    typeOf(field),
    withDefault((field["description"] ?? "") as string, field),
  ]);
  return rows.length === 0 ? "" : table(["Field", "Type", ""], rows);
}

function withDefault(description: string, { default: value }: JsonSchema): string {
  if (value === undefined) return description;
  return [description, `default: \`${JSON.stringify(value)}\``].filter((text) => text !== "").join("; ");
}

function typeOf(schema: JsonSchema): string {
  const { $ref, type, items, additionalProperties, oneOf, anyOf, enum: values, const: value, format } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (value !== undefined) return `\`${JSON.stringify(value)}\``;
  if (Array.isArray(values)) return values.map((each) => `\`${JSON.stringify(each)}\``).join(" or ");
  const alternatives = (oneOf ?? anyOf) as JsonSchema[] | undefined;
  if (alternatives !== undefined) return [...new Set(alternatives.map(typeOf))].join(" or ");
  if (type === "array") return items === undefined ? "array" : `array of ${typeOf(items as JsonSchema)}`;
  if (type === "object" && typeof additionalProperties === "object") {
    return `object of ${typeOf(additionalProperties as JsonSchema)}`;
  }
  if (format === "date-time") return "time";
  return [(type ?? "any") as string | string[]].flat().join(" or ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
