import { describe, expect, test } from "vitest";
import { PacketType, ReasonCode } from "../../src/codec/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import { TestBroker } from "./harness.ts";

describe("SUBSCRIBE", () => {
  test.each([
    ["a//b", 0],
    ["+/a/#", 0],
    ["#", 0],
    ["$share/g/a", 0],
    ["a/#/b", ReasonCode.TopicFilterInvalid],
    ["a+", ReasonCode.TopicFilterInvalid],
    ["", ReasonCode.TopicFilterInvalid],
    ["$share/g", ReasonCode.TopicFilterInvalid],
    ["$share//a", ReasonCode.TopicFilterInvalid],
    ["$share/+/a", ReasonCode.TopicFilterInvalid],
    ["$share/g/", ReasonCode.TopicFilterInvalid],
  ])("%j is answered with %i", (topicFilter, reasonCode) => {
    const test = new TestBroker();
    const codes = (version: 4 | 5) =>
      test.connect(`v${version}`, { protocolVersion: version }).subscribes(topicFilter).takeAll(PacketType.SUBACK);
    expect(codes(5)[0]?.reasonCodes).toEqual([reasonCode]);
    expect(codes(4)[0]?.reasonCodes).toEqual([reasonCode === 0 ? 0 : 0x80]);
  });

  test("each filter gets its own code [MQTT-3.8.4-6], and each UNSUBSCRIBE [MQTT-3.11.3-1]", () => {
    const acl = { mayPublish: () => true, maySubscribe: (filter: string) => filter !== "secret" };
    const principal = { ...ANYONE, acl };
    const test = new TestBroker({
      authenticate: () => ({ ok: true, principal }),
      limits: { subscriptionsPerSessionMax: 2 },
    });
    const client = test.connect("a");
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
    client.sends({
      type: PacketType.SUBSCRIBE,
      packetId: 9,
      subscriptions: ["a", "secret", "#/x", "b", "c"].map((topicFilter) => ({ topicFilter, qos: 2, ...options })),
    });
    expect(client.take()).toMatchObject([{ packetId: 9, reasonCodes: [2, 0x87, 0x8f, 2, 0x97] }]);
    client.sends({ type: PacketType.UNSUBSCRIBE, packetId: 10, topicFilters: ["a", "never", "#/x"] });
    expect(client.take()).toMatchObject([{ packetId: 10, reasonCodes: [0, 0x11, 0x8f] }]);
  });

  test("overlapping subscriptions deliver once, at the highest QoS, with all identifiers [MQTT-3.3.4-2]", () => {
    const test = new TestBroker();
    const client = test.connect("a");
    client.subscribes("t/#", 0, {}, { subscriptionIdentifiers: [1] });
    client.subscribes("t/+", 2, {}, { subscriptionIdentifiers: [2] });
    client.subscribes("t/x", 1);
    client.take();
    test.connect("p").publishes("t/x", "1", { qos: 2 });
    expect(client.take()).toMatchObject([{ qos: 2, properties: { subscriptionIdentifiers: [1, 2] } }]);
  });

  test("No Local keeps own messages away, and only those [MQTT-3.8.3-3]", () => {
    const test = new TestBroker();
    const client = test.connect("a").subscribes("t", 0, { noLocal: true });
    client.publishes("t", "own");
    test.connect("p").publishes("t", "other");
    expect(client.takeMessages()).toEqual(["t=other"]);
    client.subscribes("#").publishes("t", "both");
    expect(client.takeMessages()).toEqual(["t=both"]);
  });

  test("No Local on a shared subscription is a protocol error [MQTT-3.8.3-4]", () => {
    const client = new TestBroker().connect("a").subscribes("$share/g/t", 0, { noLocal: true });
    expect(client.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: ReasonCode.ProtocolError }]);
  });

  test("the same filter again replaces the subscription [MQTT-3.8.4-3]", () => {
    const test = new TestBroker();
    const client = test.connect("a").subscribes("t", 0).subscribes("t", 1);
    client.take();
    test.connect("p").publishes("t", "x", { qos: 2 });
    expect(client.take()).toMatchObject([{ qos: 1 }]);
    client.sends({ type: PacketType.UNSUBSCRIBE, packetId: 9, topicFilters: ["t"] });
    expect(test.broker.subscriptions.size).toBe(0);
  });

  test("wildcards leave topics that begin with $ alone [MQTT-4.7.2-1]", () => {
    const test = new TestBroker();
    const client = test.connect("a").subscribes("#").subscribes("+/x");
    const explicit = test.connect("b").subscribes("$mine/#");
    test.connect("p").publishes("$mine/x", "1", { retain: true });
    expect(client.takeMessages()).toEqual([]);
    expect(explicit.takeMessages()).toEqual(["$mine/x=1"]);
    expect(test.connect("late").subscribes("#").subscribes("+/x").takeMessages()).toEqual([]);
  });
});

describe("shared subscriptions", () => {
  test("each message goes to one member, in turn; other groups and ordinary ones get it as well", () => {
    const test = new TestBroker();
    const [a, b] = ["a", "b"].map((id) => test.connect(id).subscribes("$share/g/t"));
    const other = test.connect("c").subscribes("$share/h/+");
    const plain = test.connect("d").subscribes("t");
    const publisher = test.connect("p");
    for (const payload of ["1", "2", "3", "4"]) publisher.publishes("t", payload);
    expect([a!.takeMessages(), b!.takeMessages()]).toEqual([
      ["t=1", "t=3"],
      ["t=2", "t=4"],
    ]);
    expect(other.takeMessages()).toHaveLength(4);
    expect(plain.takeMessages()).toHaveLength(4);
  });

  test("members that are away are passed over, and keep what nobody else can take", () => {
    const test = new TestBroker();
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
    test.connect("a", lasting).subscribes("$share/g/t", 1).loses();
    const b = test.connect("b").subscribes("$share/g/t", 1);
    const publisher = test.connect("p").publishes("t", "1", { qos: 1 });
    expect(b.takeMessages()).toEqual(["t=1"]);
    b.loses();
    publisher.publishes("t", "2", { qos: 1 });
    expect(test.connect("a", lasting).takeMessages()).toEqual(["t=2"]);
  });

  test("get no retained messages (§4.8.2)", () => {
    const test = new TestBroker();
    test.connect("p").publishes("t", "x", { retain: true });
    expect(test.connect("a").subscribes("$share/g/t").takeMessages()).toEqual([]);
  });
});

describe("retained messages", () => {
  test("the last one of each topic is sent to a new subscription, with RETAIN set", () => {
    const test = new TestBroker();
    const publisher = test.connect("p");
    publisher.publishes("a/1", "old", { retain: true }).publishes("a/1", "new", { retain: true });
    publisher.publishes("a/2", "x", { retain: true, qos: 1 }).publishes("a/3", "not retained");
    const client = test.connect("s").subscribes("a/+", 1);
    expect(client.takeAll(PacketType.PUBLISH)).toMatchObject([
      { topic: "a/1", retain: true, qos: 0, payload: Buffer.from("new") },
      { topic: "a/2", retain: true, qos: 1 },
    ]);
  });

  test("an empty payload removes it and is delivered [MQTT-3.3.1-6]", () => {
    const test = new TestBroker();
    const watcher = test.connect("w").subscribes("#");
    const publisher = test.connect("p").publishes("t", "x", { retain: true }).publishes("t", "", { retain: true });
    expect(watcher.takeMessages()).toEqual(["t=x", "t="]);
    expect(test.connect("s").subscribes("t").takeMessages()).toEqual([]);
    publisher.publishes("t", "");
    expect(test.broker.retained.size).toBe(0);
  });

  test("live messages have RETAIN clear unless Retain As Published [MQTT-3.3.1-12] [MQTT-3.3.1-13]", () => {
    const test = new TestBroker();
    const plain = test.connect("a").subscribes("t");
    const asPublished = test.connect("b").subscribes("t", 0, { retainAsPublished: true });
    test.connect("p").publishes("t", "x", { retain: true });
    expect(plain.takeAll(PacketType.PUBLISH)[0]?.retain).toBe(false);
    expect(asPublished.takeAll(PacketType.PUBLISH)[0]?.retain).toBe(true);
  });

  test.each([
    [0, ["t=x"], ["t=x"]],
    [1, ["t=x"], []],
    [2, [], []],
  ] as const)("Retain Handling %i: first %j, then %j", (retainHandling, first, second) => {
    const test = new TestBroker();
    test.connect("p").publishes("t", "x", { retain: true });
    const client = test.connect("s").subscribes("t", 0, { retainHandling });
    expect(client.takeMessages()).toEqual(first);
    expect(client.subscribes("t", 0, { retainHandling }).takeMessages()).toEqual(second);
  });

  test("expire, and then are gone", () => {
    const test = new TestBroker();
    test.connect("p").publishes("t", "x", { retain: true, properties: { messageExpiryInterval: 10 } });
    test.advance(4_000);
    expect(test.connect("a").subscribes("t").takeAll(PacketType.PUBLISH)).toMatchObject([
      { properties: { messageExpiryInterval: 6 } },
    ]);
    test.advance(6_000);
    expect(test.connect("b").subscribes("t").takeMessages()).toEqual([]);
    expect(test.broker.retained.size).toBe(0);
    expect(test.broker.retained.bytes).toBe(0);
  });

  test("over the limit: 0x97, and what is there stays", () => {
    const test = new TestBroker({ limits: { retainedMessagesMax: 1 } });
    const publisher = test.connect("p").publishes("a", "1", { retain: true, qos: 1 });
    publisher.publishes("b", "1", { retain: true, qos: 1 }).publishes("a", "2", { retain: true, qos: 1 });
    expect(publisher.take().map((packet) => "reasonCode" in packet && packet.reasonCode)).toEqual([0x10, 0x97, 0x10]);
    expect(test.connect("s").subscribes("#").takeMessages()).toEqual(["a=2"]);
  });

  test("many of them wait for a slow reader, at QoS 0 too", () => {
    const test = new TestBroker();
    const publisher = test.connect("p");
    for (let i = 0; i < 5; i++) publisher.publishes(`t/${i}`, "x", { retain: true });
    const client = test.connect("s");
    client.congested = true;
    client.subscribes("#");
    client.take();
    client.congested = false;
    test.broker.drained(client.connection!, test.now);
    expect(client.takeMessages()).toHaveLength(5);
  });
});
