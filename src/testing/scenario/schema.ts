/** What stands in a file of `pubsub test`, as one schema: for reading it, and as JSON Schema for editors. */
import { z } from "zod";
import { parseCondition } from "../../cli/messages/condition.ts";
import { checkTopicFilter, checkTopicName } from "../../cli/messages/topic.ts";
import { defaultLimits } from "../../broker/index.ts";
import { eventNames } from "../../contract/event-names.ts";
import { parseMilliseconds } from "../clock.ts";

/** Text that a function of ours accepts; what it throws is the issue. */
function checked(check: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    try {
      check(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
  });
}

const duration = checked(parseMilliseconds).describe("such as 250ms, 10s, 5m, 1h, 7d");
const topic = checked(checkTopicName);
const filter = checked(checkTopicFilter);
const filters = z.union([filter, z.array(filter).min(1)]);
const condition = checked(parseCondition).describe("such as payload.celsius > 30 && retain");
const client = z.string().min(1).describe("client id");
const qos = z.literal([0, 1, 2]);
const payload = z.unknown().describe("text as it is, anything else as JSON");
const reasonCode = z.int().min(0x80).max(0xff);
const refused = z
  .union([z.literal(true), reasonCode])
  .describe("the broker has to refuse it; a number: with this reason code");

const properties = z.strictObject({
  payloadFormatIndicator: z.literal([0, 1]).optional(),
  messageExpiryInterval: z.int().min(0).max(0xffffffff).optional().describe("seconds"),
  contentType: z.string().optional(),
  responseTopic: z.string().optional(),
  correlationData: z.base64().optional(),
  userProperties: z
    .array(z.tuple([z.string(), z.string()]))
    .min(1)
    .optional(),
});

const will = z.strictObject({
  topic,
  payload: payload.optional(),
  qos: qos.optional(),
  retain: z.boolean().optional(),
  delay: duration.optional(),
});

/** What a step does → what it says. */
export const stepSchemas = {
  connect: z.strictObject({
    client,
    clean: z.boolean().optional().describe("begin a new session; so it is unless `session` is there"),
    session: duration.optional().describe("how long the session outlives the connection"),
    version: z.enum(["5", "3.1.1", "3.1"]).optional(),
    acl: filters.optional().describe("a token for these topics"),
    expires: duration.optional().describe("of the token"),
    token: z.literal(false).optional().describe("without a token, where the broker asks for one"),
    will: will.optional(),
    refused: refused.optional(),
    sessionPresent: z.boolean().optional().describe("what the broker has to say"),
  }),
  subscribe: z.strictObject({
    to: filters,
    client: client.optional(),
    qos: qos.optional(),
    refused: refused.optional(),
  }),
  publish: z.strictObject({
    topic,
    payload: payload.optional(),
    client: client.optional(),
    qos: qos.optional().describe("1 where it is left out"),
    retain: z.boolean().optional(),
    properties: properties.optional(),
    refused: refused.optional(),
  }),
  expect: z.strictObject({
    topic: filter.optional(),
    payload: z.unknown().optional().describe("text: all of it; anything else: JSON that has at least these members"),
    where: condition.optional(),
    client: client.optional(),
    qos: qos.optional(),
    retain: z.boolean().optional(),
    properties: properties.optional().describe("at least these"),
    within: duration.optional().describe("1s where it is left out"),
  }),
  expectNothing: z.strictObject({
    topic: filter.optional(),
    where: condition.optional(),
    client: client.optional(),
    within: duration.optional().describe("100ms where it is left out"),
  }),
  expectEvent: z.looseObject({
    event: z.enum(eventNames),
    within: duration.optional().describe("1s where it is left out"),
  }),
  advance: z.strictObject({ by: duration }),
  disconnect: z.strictObject({ client }),
  loseConnection: z.strictObject({ client }),
  kick: z.strictObject({ client }),
  revoke: z.strictObject({ client }),
} as const;

export type StepName = keyof typeof stepSchemas;
export type StepOf<Name extends StepName> = z.output<(typeof stepSchemas)[Name]>;
export type Step = { [Name in StepName]: { readonly name: Name; readonly value: StepOf<Name> } }[StepName];

/** The member that a step means which is nothing but text. */
export const shorthands: Readonly<Record<StepName, string>> = {
  connect: "client",
  subscribe: "to",
  publish: "topic",
  expect: "topic",
  expectNothing: "topic",
  expectEvent: "event",
  advance: "by",
  disconnect: "client",
  loseConnection: "client",
  kick: "client",
  revoke: "client",
};

const rule = z
  .strictObject({
    topic: filter.optional(),
    where: condition
      .optional()
      .describe("of topic, payload, text and properties.contentType, which are all that a hook sees"),
    drop: z.literal(true).optional(),
    payload: z.unknown().optional().describe("deliver this instead"),
    status: z.int().min(201).max(599).optional().describe("answer with this HTTP status"),
  })
  .refine(
    ({ drop, payload, status }) => [drop, payload, status].filter((each) => each !== undefined).length <= 1,
    "a rule does one thing: drop, payload or status; without one of them the message passes",
  );
export type Rule = z.output<typeof rule>;

const fallback = z.enum(["drop", "pass", "reject"]);
const hookSettings = z.strictObject({
  topics: z.array(filter).optional(),
  timeoutMs: z.int().positive().optional(),
  onFailure: z.enum([...fallback.options, "retry"]).optional(),
  rejectReasonCode: reasonCode.optional(),
  retry: z
    .strictObject({
      initialDelayMs: z.int().positive().exactOptional(),
      maxDelayMs: z.int().positive().exactOptional(),
      totalMs: z.int().positive().exactOptional(),
      fallback: fallback.exactOptional(),
    })
    .optional(),
  circuitBreaker: z
    .strictObject({ failures: z.int().positive().exactOptional(), openMs: z.int().positive().exactOptional() })
    .optional(),
  deadLetterTopic: topic.optional(),
});

export const brokerSchema = z.strictObject({
  hook: z
    .union([z.string().min(1), z.array(rule)])
    .optional()
    .describe("URL of a hook, path of a Worker, or rules, of which the first that matches decides"),
  hookSettings: hookSettings.optional(),
  services: z.array(z.string()).optional().describe("further Workers, to which service bindings lead"),
  limits: z
    .partialRecord(z.enum(Object.keys(defaultLimits)), z.union([z.number(), z.boolean()]))
    .optional()
    .describe("see docs/limits.md"),
  anonymous: z.boolean().optional().describe("let clients without a token in; true where it is left out"),
  now: z.iso.datetime({ offset: true }).optional().describe("when it is at the beginning"),
});

export const scenarioSchema = z.strictObject({
  name: z.string().min(1).optional(),
  broker: brokerSchema.optional(),
  steps: z.array(z.unknown()).min(1),
});
export type BrokerSettings = z.output<typeof brokerSchema>;

/** JSON Schema, draft 2020-12, of one document. */
export function scenarioJsonSchema(): object {
  const schemaOf = (schema: z.ZodType) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input" });
    return rest;
  };
  const steps = Object.entries(stepSchemas).map(([name, schema]) => ({
    type: "object",
    properties: { [name]: { anyOf: [{ type: "string" }, schemaOf(schema)] } },
    required: [name],
    additionalProperties: false,
  }));
  const whole = schemaOf(scenarioSchema) as { properties: Record<string, object> };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A test of `pubsub test`",
    ...whole,
    properties: { ...whole.properties, steps: { type: "array", minItems: 1, items: { anyOf: steps } } },
  };
}
