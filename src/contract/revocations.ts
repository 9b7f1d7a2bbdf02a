import { z } from "zod";
import { nothingSchema } from "./schemas.ts";

/** Token ids: the `jti` claim. */
const jtiSchema = z.string().regex(/^[\w.:-]{1,128}$/, "must be 1 to 128 letters, digits and . _ : -");

const jtiQuerySchema = z.object({
  jti: z.array(jtiSchema, "is required").min(1, "is required").max(10_000).describe("token ids"),
});

export const revocationOperations = {
  listRevocations: {
    summary: "List the ids of revoked tokens",
    result: z.array(jtiSchema),
    errors: ["namespace-not-found", "broker-not-found"],
  },
  revoke: {
    summary: "Revoke tokens at once; those revoked already stay so",
    query: jtiQuerySchema,
    result: nothingSchema,
    errors: ["namespace-not-found", "broker-not-found", "too-many-revocations"],
  },
  unrevoke: {
    summary: "Let revoked tokens in again; others are ignored",
    query: jtiQuerySchema,
    result: nothingSchema,
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
