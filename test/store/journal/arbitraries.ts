/** fast-check arbitraries of what brokers keep. */
import fc from "fast-check";
import type { JournalRecord, Message } from "../../../src/broker/ports.ts";
import type { Properties, QoS } from "../../../src/codec/index.ts";

/** Plain objects, as brokers make them. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) {
  return fc.record(model, { noNullPrototype: true });
}

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constantFrom("", "é".repeat(70), "a".repeat(200), "😀"),
);
const payload = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 5000 }).map((length) => Buffer.alloc(length, length)) },
);
const qos = fc.constantFrom<QoS>(0, 1, 2);
const flag = fc.boolean();
const timeMs = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 2 ** 45 }));
const seconds = fc.integer({ min: 0, max: 0xffff_ffff });
const recordId = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 2 ** 31, max: Number.MAX_SAFE_INTEGER }));

const properties: fc.Arbitrary<Properties | undefined> = fc.option(
  fc.record(
    {
      payloadFormatIndicator: fc.constantFrom(0, 1),
      contentType: text,
      responseTopic: text,
      correlationData: payload,
      userProperties: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
  { nil: undefined },
);

const publication = record({
  topic: text,
  payload,
  qos,
  retain: flag,
  properties,
  publisherId: text,
  tokenId: fc.option(text, { nil: undefined }),
});

const message: fc.Arbitrary<Message> = fc
  .tuple(publication, record({ id: fc.nat(), receivedAtMs: fc.nat(), expiresAtMs: timeMs }))
  .map(([content, rest]) => ({ ...content, ...rest, kept: undefined }));

const will = record({
  delaySeconds: seconds,
  expiryIntervalSeconds: fc.option(seconds, { nil: undefined }),
  message: publication,
});

export const journalRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  record({
    type: fc.constant("session" as const),
    clientId: text,
    expiryIntervalSeconds: seconds,
    endsAtMs: fc.option(timeMs, { nil: undefined }),
    will: fc.option(will, { nil: undefined }),
    willDueAtMs: fc.option(timeMs, { nil: undefined }),
  }),
  record({
    type: fc.constant("subscription" as const),
    session: recordId,
    key: text,
    qos,
    noLocal: flag,
    retainAsPublished: flag,
    identifier: fc.nat(268_435_455),
  }),
  message.map((message) => ({ type: "message" as const, message })),
  record({ type: fc.constant("retained" as const), message: recordId }),
  record({
    type: fc.constant("delivery" as const),
    session: recordId,
    message: recordId,
    qos,
    retain: flag,
    subscriptionIdentifiers: fc.option(fc.array(fc.integer({ min: 1, max: 268_435_455 })), { nil: undefined }),
    packetId: fc.nat(0xffff),
    released: flag,
  }),
  record({
    type: fc.constant("received" as const),
    session: recordId,
    packetId: fc.integer({ min: 1, max: 0xffff }),
  }),
);
