/**
 * What happens in a broker, as public JSON: the data of `GET …/events` and the lines of `pubsub tail --json`.
 * Tokens are never part of it.
 */
import { z } from "zod";
import { content, contentSchema, qosSchema } from "./content.ts";
import { eventNames, lostReasons, verdicts } from "./event-names.ts";
import { topicFilterSchema } from "./schemas.ts";

/** An event has two payloads where a hook changed one, and a character may take six in JSON. */
const PAYLOAD_BYTES_MAX = 1024 * 1024;

/** The same for every event. `v` changes when a field changes its meaning or goes away. */
const common = {
  v: z.literal(1),
  time: z.iso.datetime({ precision: 3 }).describe("RFC 3339, UTC, with milliseconds"),
  namespace: z.string(),
  broker: z.string(),
};

/** Ties the events of one message together; unique within one run of the server. */
const mid = z.int();
const reasonCode = z.int().describe("MQTT reason code");
/** Of the client that published the message; empty where the broker itself did. */
const publisher = z.string();

const hookSchema = z.object({
  ...common,
  event: z.literal("hook"),
  mid,
  clientId: z.string().describe("the publisher"),
  topic: z.string(),
  verdict: z.enum(verdicts),
  reason: z
    .string()
    .optional()
    .describe("why it was dropped or rejected, or how the hook failed where it passed all the same: hook-timeout …"),
  reasonCode: reasonCode.optional().describe("of rejected: what the publisher is told"),
  detail: z.string().optional().describe("for people"),
  ms: z.number().describe("from handing the message to the hook to its verdict"),
  status: z.int().optional().describe("HTTP status of the hook's answer, if there was one"),
  attempts: z.int().optional().describe("how often the hook was asked, where that was more than once"),
  batch: z.int().describe("messages in the same request"),
  batchId: z
    .int()
    .optional()
    .describe("ties the messages of a request together; unique within one run of the broker; absent without a request"),
  console: z
    .array(z.object({ kind: z.enum(["log", "warning", "error", "exception"]), text: z.string() }))
    .optional()
    .describe(
      "what a Worker that runs here has printed while it decided about the batch; the same for all of its messages",
    ),
  before: contentSchema.optional().describe("of modified: as published"),
  after: contentSchema.optional().describe("of modified: as delivered"),
});

export const eventSchema = z
  .discriminatedUnion("event", [
    z.object({
      ...common,
      event: z.literal("connect"),
      clientId: z.string(),
      protocolVersion: z.int().describe("3: MQTT 3.1, 4: 3.1.1, 5: 5.0"),
      cleanStart: z.boolean(),
      sessionPresent: z.boolean(),
      keepAlive: z.int().describe("seconds"),
      jti: z.string().optional().describe("id of the client's token"),
    }),
    z.object({
      ...common,
      event: z.literal("refuse"),
      clientId: z.string(),
      reasonCode,
      reason: z.string(),
    }),
    z.object({
      ...common,
      event: z.literal("disconnect"),
      clientId: z.string(),
      reasonCode,
      reason: z.string(),
      by: z.enum(["client", "server", "network"]),
    }),
    z.object({
      ...common,
      event: z.enum(["subscribe", "unsubscribe"]),
      clientId: z.string(),
      topicFilter: z.string(),
      reasonCode,
    }),
    z.object({
      ...common,
      event: z.literal("publish"),
      mid,
      clientId: z.string().describe("the publisher; empty where the broker itself published"),
      jti: z.string().optional().describe("id of the publisher's token"),
      topic: z.string(),
      qos: qosSchema,
      retain: z.boolean(),
      ...content,
    }),
    hookSchema,
    z.object({
      ...common,
      event: z.literal("hook-circuit"),
      state: z
        .enum(["opened", "closed"])
        .describe("opened: the hook failed too often in a row and is not asked for a while; closed: it is again"),
      reason: z.string().describe("for people"),
    }),
    z.object({
      ...common,
      event: z.literal("deliver"),
      mid,
      clientId: z.string().describe("the subscriber"),
      publisher,
      topic: z.string(),
      qos: qosSchema,
    }),
    z.object({
      ...common,
      event: z.literal("drop"),
      mid,
      clientId: z.string().optional().describe("the subscriber that does not get it; absent where nobody does"),
      publisher,
      topic: z.string(),
      reason: z.string().describe("such as queue-full"),
    }),
    z.object({
      ...common,
      event: z.literal("expire"),
      mid,
      clientId: z.string().optional(),
      publisher,
      topic: z.string(),
    }),
    z.object({
      ...common,
      event: z.literal("lost"),
      reason: z
        .enum(lostReasons)
        .describe("slow-reader: the caller did not read fast enough; not-kept: it happened too long ago, or unwatched"),
      count: z.int().optional().describe("events that are missing here; absent where nobody knows how many"),
    }),
  ])
  .meta({ id: "Event" });

export const eventOperations = {
  events: {
    summary: "What happens in the broker, as server-sent events, until the caller ends it or the broker is deleted",
    query: z.object({
      topic: z.array(topicFilterSchema).max(100).optional().describe("only events on topics that one of these matches"),
      client: z.array(z.string()).max(100).optional().describe("only events of these client ids"),
      event: z.array(z.enum(eventNames)).max(100).optional(),
      verdict: z.array(z.enum(verdicts)).max(100).optional().describe("only hook events with one of these verdicts"),
      search: z
        .string()
        .min(1, "must not be empty")
        .max(1024, "must be at most 1,024 characters")
        .optional()
        .describe(
          "only events with this text in topic, client id, reason, properties or the first 64 KiB of the payload",
        ),
      sampling_rate: z
        .number("must be a number from 0 to 1")
        .min(0, "must be at least 0")
        .max(1, "must be at most 1")
        .optional()
        .describe("share of the messages of which all events are given, and of the other events"),
      payload_bytes_max: z
        .int("must be a whole number")
        .min(0, "must be at least 0")
        .max(PAYLOAD_BYTES_MAX, `must be at most ${PAYLOAD_BYTES_MAX}`)
        .optional()
        .describe("how much of a payload is given; 65,536 where it is left out"),
      since: z.iso
        .datetime({ offset: true, error: "must be a time such as 2025-06-01T12:00:00Z" })
        .optional()
        .describe("begin with what is kept since then: up to 10,000 events of a time in which somebody watched"),
    }),
    result: eventSchema,
    errors: ["namespace-not-found", "broker-not-found", "too-many-watchers"],
  },
} as const;
