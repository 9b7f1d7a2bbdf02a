/** Publishers within the server: what they may do, and what they are told. */
import { expect, test } from "vitest";
import { HOPS_MAX, type InternalPublish, InternalPublisher, type PublishOutcome } from "../../src/broker/index.ts";
import { ReasonCode } from "../../src/codec/index.ts";
import { TestBroker, type TestBrokerOptions } from "./harness.ts";

const report = { elapsedMs: 1, batchSize: 1 };

function setUp(options: TestBrokerOptions = {}) {
  const test = new TestBroker(options);
  const publisher = new InternalPublisher(test.broker, "$inside");
  const outcomes: PublishOutcome[] = [];
  const publish = (message: Partial<InternalPublish> = {}) => {
    const whole = { topic: "t", payload: Buffer.from("x"), qos: 1, retain: false, properties: undefined } as const;
    publisher.publish({ ...whole, ...message }, test.now, (outcome) => outcomes.push(outcome));
  };
  const codes = () => outcomes.splice(0).map(({ reasonCode }) => reasonCode);
  return { test, publish, codes, outcomes };
}

test("what it publishes is delivered with its properties, retained and expires like a client's", () => {
  const { test, publish, codes } = setUp();
  publish();
  expect(codes()).toEqual([ReasonCode.NoMatchingSubscribers]);
  const subscriber = test.connect("s").subscribes("#", 2);
  subscriber.take();
  const properties = { contentType: "text/plain", messageExpiryInterval: 10, userProperties: [["a", "b"] as const] };
  publish({ qos: 2, retain: true, properties });
  expect(codes()).toEqual([ReasonCode.Success]);
  expect(subscriber.take()).toMatchObject([{ topic: "t", qos: 2, properties }]);
  expect(test.events.filter(({ type }) => type === "publish")).toMatchObject([
    { message: { publisherId: "$inside" } },
    { message: { publisherId: "$inside", retain: true } },
  ]);
  expect(test.connect("late").subscribes("#").take().at(-1)).toMatchObject({ topic: "t", retain: true });
  test.advance(10_001);
  publish({ qos: 0, topic: "other" });
  expect(codes()).toEqual([ReasonCode.Success]);
  expect(test.broker.sessions.size).toBe(2);
});

test.each<[string, Partial<InternalPublish>, number]>([
  ["an empty topic", { topic: "" }, ReasonCode.TopicNameInvalid],
  ["a wildcard", { topic: "a/#" }, ReasonCode.TopicNameInvalid],
  ["too deep a topic", { topic: "a/b/c/d" }, ReasonCode.TopicNameInvalid],
  ["the broker's own topic", { topic: "$SYS/a" }, ReasonCode.NotAuthorized],
  ["a response topic with a wildcard", { properties: { responseTopic: "+" } }, ReasonCode.ProtocolError],
  ["text that MQTT has no bytes for", { properties: { contentType: "\0" } }, ReasonCode.MalformedPacket],
  ["a number that does not fit", { properties: { messageExpiryInterval: -1 } }, ReasonCode.MalformedPacket],
  ["a lone surrogate", { topic: "\uD800" }, ReasonCode.MalformedPacket],
  ["too many bytes", { payload: Buffer.alloc(100) }, ReasonCode.PacketTooLarge],
  [
    "what is no UTF-8",
    { payload: Buffer.of(0xff), properties: { payloadFormatIndicator: 1 } },
    ReasonCode.PayloadFormatInvalid,
  ],
  ["one more retained message", { retain: true }, ReasonCode.QuotaExceeded],
])("it is refused %s", (_, message, code) => {
  const { test, publish, codes } = setUp({ limits: { topicLevelsMax: 3, packetBytesMax: 99, retainedMessagesMax: 0 } });
  publish(message);
  expect(codes()).toEqual([code]);
  expect(test.events).toEqual([]);
});

test("it is told after the hooks, in order; what skips them does not wait", () => {
  const { test, publish, outcomes } = setUp({ limits: { pendingPublishesMax: 2 } });
  const subscriber = test.connect("s").subscribes("#");
  subscriber.take();
  const pending = test.holdPublishes();
  publish({ topic: "1" });
  publish({ topic: "2", qos: 0 });
  publish({ topic: "3" });
  expect(outcomes.splice(0)).toEqual([
    { reasonCode: ReasonCode.QuotaExceeded, reason: expect.stringContaining("hook") },
  ]);
  publish({ topic: "4", skipsHooks: true });
  expect(subscriber.takeMessages()).toEqual(["4=x"]);
  test.broker.hookCompleted(pending[1]!, { kind: "accept" }, report, test.now);
  expect(outcomes.splice(0)).toHaveLength(1);
  const verdict = { kind: "reject", reasonCode: ReasonCode.NotAuthorized, reason: "no" } as const;
  test.broker.hookCompleted(pending[0]!, verdict, report, test.now);
  expect(subscriber.takeMessages()).toEqual(["2=x"]);
  expect(outcomes).toEqual([
    { reasonCode: ReasonCode.NotAuthorized, reason: "no" },
    { reasonCode: ReasonCode.Success, reason: "Success" },
  ]);
});

test("a message that came about through too many others is cut off as a loop", () => {
  const { test, publish, outcomes } = setUp();
  test.connect("s").subscribes("#");
  test.events.length = 0;
  publish({ hops: HOPS_MAX });
  publish({ hops: HOPS_MAX + 1 });
  expect(outcomes).toEqual([
    { reasonCode: ReasonCode.Success, reason: "Success" },
    { reasonCode: ReasonCode.QuotaExceeded, reason: expect.stringContaining("loop") },
  ]);
  expect(test.events).toMatchObject([
    { type: "publish", message: { hops: HOPS_MAX } },
    { type: "deliver" },
    { type: "publish" },
    { type: "drop", reason: "loop", message: { topic: "t" } },
  ]);
});
