import { z } from "zod";
import { timestampSchema } from "./schemas.ts";

export const logOperations = {
  listLogs: {
    summary: "What the server has said to its owner: the last 2,000 lines",
    query: z.object({
      after: z.int().min(0).optional().describe("id of the last line that is known; the next ones after it are given"),
      wait_ms: z
        .int("must be a whole number")
        .min(0, "must be at least 0")
        .max(20_000, "must be at most 20000")
        .optional()
        .describe("how long the answer may wait for a line, where there is none after `after`"),
      limit: z
        .int("must be a whole number")
        .min(1, "must be at least 1")
        .max(2000, "must be at most 2000")
        .default(100)
        .describe("lines at most; the newest ones where `after` is left out"),
    }),
    result: z.array(
      z.object({
        id: z.int().describe("counts from 1 within one run of the server"),
        time: timestampSchema,
        message: z.string(),
      }),
    ),
    errors: [],
  },
} as const;
