import { z } from "zod";
import { propertiesSchema, qosSchema } from "./content.ts";
import { topicNameSchema } from "./schemas.ts";

const MESSAGES_MAX = 1000;

const outgoingSchema = z
  .object({
    topic: topicNameSchema,
    payload: z.string().default(""),
    payloadEncoding: z.enum(["utf8", "base64"]).default("utf8").describe("how payload stands for bytes"),
    qos: qosSchema.default(1).describe("subscribers get it at this one or a lower one"),
    retain: z.boolean().default(false),
    properties: propertiesSchema.optional(),
  })
  .refine(({ payload, payloadEncoding }) => payloadEncoding === "utf8" || z.base64().safeParse(payload).success, {
    error: "must be base64, as payloadEncoding says",
    path: ["payload"],
  })
  .meta({ id: "OutgoingMessage" });

export const messageOperations = {
  publishMessages: {
    summary: "Publish messages in their order, as a client would: acknowledged when they are kept",
    body: z.object({
      messages: z
        .array(outgoingSchema)
        .min(1, "must have at least one message")
        .max(MESSAGES_MAX, "must be at most 1,000 messages"),
      hook: z.boolean().default(true).describe("false: the broker's on-publish hook is not asked"),
    }),
    result: z.object({
      accepted: z.int().describe("how many of them are the broker's"),
      outcomes: z
        .array(
          z.object({
            reasonCode: z.int().describe("as in PUBACK: from 128 on the message was not taken"),
            reason: z.string(),
          }),
        )
        .describe("of each message, in their order"),
    }),
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
