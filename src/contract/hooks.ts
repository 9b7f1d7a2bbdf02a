/** The on-publish hook of a broker, as brokers have it. */
import { z } from "zod";
import { failureFallbacks, failurePolicies, hookRanges as ranges, rejectReasonCodes } from "./hook-table.ts";
import { timestampSchema, topicFilterSchema, topicNameSchema } from "./schemas.ts";

const LOOPBACK_HOST = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Says what is wrong with a hook's URL, or undefined. Messages leave the machine in clear only to itself. */
function objectionToHookUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return "must be a URL, such as https://example.com/hook";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "must not contain a user name or password";
  if (url.protocol === "https:") return undefined;
  if (url.protocol !== "http:") return "must begin with https:// (or http:// for a loopback address)";
  return LOOPBACK_HOST.test(url.hostname) ? undefined : "must begin with https:// unless it is a loopback address";
}

const hookUrlSchema = z
  .string()
  .max(2048, "must be at most 2,048 characters")
  .check((context) => {
    const message = objectionToHookUrl(context.value);
    if (message !== undefined) context.issues.push({ code: "custom", input: context.value, message });
  })
  .describe("an https URL, or an http URL of a loopback address");

function whole({ minimum, maximum }: { readonly minimum: number; readonly maximum: number }) {
  return z
    .int("must be a whole number")
    .min(minimum, `must be at least ${minimum}`)
    .max(maximum, `must be at most ${maximum}`);
}

/** At most, since each message is compared with all of them. */
const TOPICS_MAX = 100;

/** What a hook may have besides its URL. */
const settings = {
  topics: z
    .array(topicFilterSchema)
    .min(1, "must name a filter; null for all topics")
    .max(TOPICS_MAX, `must be at most ${TOPICS_MAX} filters`)
    .describe("filters of the topics whose messages go to the hook; all where it is left out"),
  timeout_ms: whole(ranges.timeoutMs).describe("for the whole answer; 10,000 where it is left out"),
  on_failure: z
    .enum(failurePolicies)
    .describe(
      "what becomes of messages where the hook cannot be reached, answers in no time, with another status than 200 or with " +
        "what is no answer, or where too many wait: drop (the default, as in the original), pass (deliver unchanged), " +
        "reject (tell the publisher a reason code) or retry",
    ),
  reject_reason_code: z
    .literal(rejectReasonCodes)
    .describe("MQTT reason code of PUBACK and PUBREC for rejected messages; 131 (0x83) where it is left out"),
  retry: z
    .object({
      initial_delay_ms: whole(ranges.initialDelayMs).optional().describe("before the second attempt; 200"),
      max_delay_ms: whole(ranges.maxDelayMs).optional().describe("delays double up to it; 10,000"),
      total_ms: whole(ranges.totalMs).optional().describe("the last attempt begins before; 60,000"),
      fallback: z
        .enum(failureFallbacks)
        .optional()
        .describe("what becomes of messages after that, and where too many wait; drop"),
    })
    .describe("of on_failure: retry"),
  circuit_breaker: z
    .object({
      failures: whole(ranges.failures).optional().describe("in a row, after which the hook is not asked; 5"),
      open_ms: whole(ranges.openMs).optional().describe("until one request shows whether it is back; 10,000"),
    })
    .describe(
      "keeps a hook that fails from being asked: messages get the policy's outcome at once; none where left out",
    ),
  dead_letter_topic: topicNameSchema
    .refine((topic) => !topic.startsWith("$"), "must not begin with $")
    .describe("where messages are published that the hook's failure would lose, with user properties that say why"),
};

const shape = z.object(settings).shape;

/** `{url: null}` takes the hook away with all its settings; wrangler has no other way to say it. */
export const onPublishInputSchema = z
  .object({
    url: hookUrlSchema.nullable().optional(),
    topics: shape.topics.nullable().optional(),
    timeout_ms: shape.timeout_ms.nullable().optional(),
    on_failure: shape.on_failure.nullable().optional(),
    reject_reason_code: shape.reject_reason_code.nullable().optional(),
    retry: shape.retry.nullable().optional(),
    circuit_breaker: shape.circuit_breaker.nullable().optional(),
    dead_letter_topic: shape.dead_letter_topic.nullable().optional(),
  })
  .meta({ id: "HookChanges" })
  .nullable()
  .describe("changes the given settings of the hook; null clears one, and a URL of null all of them");

export const onPublishSchema = z
  .object({ url: z.string().optional().describe("absent where there are settings, but no hook yet"), ...settings })
  .partial()
  .meta({ id: "Hook" });

const circuitSchema = z
  .object({
    state: z
      .enum(["closed", "open", "half-open"])
      .describe("open: the hook is not asked; half-open: one request is under way that shows whether it is back"),
    since: timestampSchema,
    failures: z.int().describe("in a row, up to now"),
    asked_again_on: timestampSchema
      .optional()
      .describe("of open: the next message after that is what the hook is asked about"),
  })
  .meta({ id: "Circuit" });

const hookStateSchema = z
  .object({
    requests: z.int().describe("since the server started, or the broker got its first hook; further attempts included"),
    batches: z.int().describe("that it is deciding about, or that wait for a further attempt"),
    waiting_messages: z.int().describe("that wait for a request"),
    circuit: circuitSchema.optional().describe("absent without a circuit breaker"),
  })
  .meta({ id: "HookState" });

export const hookOperations = {
  describeHook: {
    summary: "How the broker's hook does at the moment; its settings are on_publish of the broker",
    result: hookStateSchema.nullable().describe("null without a hook"),
    errors: ["namespace-not-found", "broker-not-found"],
  },
} as const;
