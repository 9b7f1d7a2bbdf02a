import { z } from "zod";
import { nothingSchema } from "./schemas.ts";

/** Token ids: the `jti` claim. */
const jtiSchema = z.string().regex(/^[\w.:-]{1,128}$/, "must be 1 to 128 letters, digits and . _ : -");

const jtisSchema = z.array(jtiSchema).max(10_000, "must be at most 10,000");

/** Either will do; a URL has room for some thousands only. */
const query = z.object({ jti: jtisSchema.default([]).describe("token ids") });
const body = z.object({ jtis: jtisSchema.default([]).describe("the same, for more than a URL has room for") });

export const revocationOperations = {
  listRevocations: {
    summary: "List the ids of revoked tokens",
    result: z.array(jtiSchema),
    errors: ["namespace-not-found", "broker-not-found"],
  },
  revoke: {
    summary: "Revoke tokens at once; those revoked already stay so",
    query,
    body,
    result: nothingSchema,
    errors: ["namespace-not-found", "broker-not-found", "too-many-revocations"],
  },
  unrevoke: {
    summary: "Let revoked tokens in again; others are ignored",
    query,
    body,
    result: nothingSchema,
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
