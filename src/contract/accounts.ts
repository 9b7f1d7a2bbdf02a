/** What Cloudflare's clients ask before anything else. There is one account. */
import { z } from "zod";
import { idSchema, pageQuerySchema } from "./schemas.ts";

const accountSchema = z.object({ id: idSchema, name: z.string() });

export const accountOperations = {
  listMemberships: {
    summary: "The account that the API token belongs to",
    query: pageQuerySchema,
    result: z.array(z.object({ id: idSchema, status: z.literal("accepted"), account: accountSchema })),
    errors: [],
  },
  listAccounts: {
    summary: "The account, without its membership",
    query: pageQuerySchema,
    result: z.array(accountSchema),
    errors: [],
  },
  verifyApiToken: {
    summary: "Whether the API token is valid",
    result: z.object({ id: idSchema, status: z.literal("active") }),
    errors: [],
  },
} as const;
