import { z } from "zod";
import { content, qosSchema } from "./content.ts";
import { cursorQuery, cursorSchema, timestampSchema, topicFilterSchema, topicNameSchema } from "./schemas.ts";

const retainedSchema = z
  .object({
    topic: z.string(),
    qos: qosSchema,
    publisher: z.string().describe("client id; empty where the broker itself published"),
    jti: z.string().optional().describe("id of the publisher's token"),
    received_on: timestampSchema,
    expires_on: timestampSchema.optional().describe("absent if it does not expire"),
    ...content,
  })
  .meta({ id: "RetainedMessage" });

export const retainedOperations = {
  listRetained: {
    summary: "List the retained messages of a broker by topic",
    query: z.object({
      topic: topicFilterSchema
        .default("#")
        .describe("filter of topics; as in MQTT, those that begin with $ need a filter that does so too"),
      ...cursorQuery,
    }),
    result: z.object({
      messages: z.array(retainedSchema).describe("of each payload the first 256 bytes"),
      cursor: cursorSchema,
    }),
    errors: ["namespace-not-found", "broker-not-found"],
  },
  getRetained: {
    summary: "Get the retained message of a topic with its whole payload",
    query: z.object({ topic: topicNameSchema }),
    result: retainedSchema,
    errors: ["namespace-not-found", "broker-not-found", "retained-not-found"],
  },
  deleteRetained: {
    summary: "Delete the retained messages of all topics that a filter matches",
    query: z.object({
      topic: topicFilterSchema,
      limit: z
        .int("must be a whole number")
        .min(1, "must be at least 1")
        .max(10_000, "must be at most 10,000")
        .default(10_000)
        .describe("how many at most"),
    }),
    result: z.object({
      deleted: z.int().describe("how many; 0 is no error"),
      more: z.boolean().describe("others are left: delete again"),
    }),
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
