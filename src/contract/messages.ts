import { z } from "zod";
import { propertiesSchema, qosSchema } from "./content.ts";
import { deliveryOutcomes } from "./event-names.ts";
import { eventSchema } from "./events.ts";
import { anyClientIdSchema, topicNameSchema } from "./schemas.ts";

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
  explainMessage: {
    summary: "Why a client got a message, or did not",
    query: z.object({ mid: z.int().min(1).describe("as events have it"), client: anyClientIdSchema }),
    result: z.object({
      mid: z.int(),
      client: z.string(),
      outcome: z.enum(deliveryOutcomes),
      reason: z.string().describe("why: one of pubsub explain, such as no-subscription or hook-timeout"),
      detail: z.string().optional().describe("for people"),
      events: z.array(eventSchema).describe("what happened to the message, deliveries to other clients aside"),
    }),
    errors: ["namespace-not-found", "broker-not-found", "message-not-known"],
  },
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
