import { z } from "zod";
import { apiScopes } from "./routes.ts";
import { idSchema, nameSchema, nothingSchema, pageQuerySchema, timestampSchema } from "./schemas.ts";

const scopeSchema = z
  .enum(apiScopes)
  .describe("what it allows: read, write (everything in namespaces), admin (also API tokens and the server's log)");

const apiTokenSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    scope: scopeSchema,
    namespace: z.string().nullable().describe("the only namespace that it is good for; null for all"),
    created_on: timestampSchema,
  })
  .meta({ id: "ApiToken" });

export const apiTokenOperations = {
  listApiTokens: {
    summary: "List the API tokens, without the one that the server was started with",
    query: pageQuerySchema,
    result: z.array(apiTokenSchema),
    errors: [],
  },
  createApiToken: {
    summary: "Create an API token",
    body: z.object({
      name: z.string().min(1, "must not be empty").max(128, "must be at most 128 characters").describe("for people"),
      scope: scopeSchema,
      namespace: nameSchema
        .nullable()
        .default(null)
        .describe("the only namespace that it is good for, with which it ends; not for the scope admin"),
    }),
    result: apiTokenSchema.extend({ token: z.string().describe("shown this once: the server keeps a hash only") }),
    errors: ["namespace-not-found", "too-many-api-tokens"],
  },
  deleteApiToken: {
    summary: "Delete an API token; streams that were opened with it end",
    result: nothingSchema,
    errors: ["api-token-not-found"],
  },
} as const;
