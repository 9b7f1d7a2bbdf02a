import { z } from "zod";

const answer = z
  .string()
  .describe(
    "as FORMAT says: JSON where the query has none; with a query that cannot be answered 422 and a text that begins with " +
      "`Input was invalid:` and names place and remedy. The header `X-Pubsub-Remarks` lists what of the query Cloudflare " +
      "does not document",
  );

export const analyticsOperations = {
  queryAnalytics: {
    summary: "Ask what Workers have written to datasets of Analytics Engine; the body is the SQL",
    result: answer,
    errors: ["body-too-large"],
  },
  getAnalytics: {
    summary: "The same with the SQL in the URL",
    query: z.object({ query: z.string().describe("SQL") }),
    result: answer,
    errors: [],
  },
} as const;
