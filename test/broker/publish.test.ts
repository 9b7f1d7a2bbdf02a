import { describe, expect, test } from "vitest";
import type { Verdict } from "../../src/broker/index.ts";
import { PacketType, type QoS, ReasonCode } from "../../src/codec/index.ts";
import { ANYONE } from "../setup/anyone.ts";
import { TestBroker } from "./harness.ts";

const report = { elapsedMs: 1, batchSize: 1 };
const ack = (type: 4 | 5 | 6 | 7, packetId: number, reasonCode = 0) => ({ type, packetId, reasonCode });

describe("quality of service", () => {
  test.each<[QoS, QoS, QoS]>([
    [0, 0, 0],
    [0, 2, 0],
    [1, 0, 0],
    [1, 1, 1],
    [1, 2, 1],
    [2, 1, 1],
    [2, 2, 2],
  ])("published at %i, granted %i, delivered at %i [MQTT-3.8.4-8]", (published, granted, delivered) => {
    const test = new TestBroker();
    const subscriber = test.connect("s").subscribes("t", granted);
    subscriber.take();
    test.connect("p").publishes("t", "x", { qos: published });
    expect(subscriber.take()).toMatchObject([{ type: PacketType.PUBLISH, qos: delivered, dup: false }]);
  });

  test.each([3, 4, 5] as const)("a version %i publisher reaches subscribers of all versions", (protocolVersion) => {
    const test = new TestBroker();
    const subscribers = ([3, 4, 5] as const).map((version) =>
      test.connect(`s${version}`, { protocolVersion: version }).subscribes("t", 2),
    );
    test.connect("p", { protocolVersion }).publishes("t", "x", { qos: 1 });
    for (const subscriber of subscribers) expect(subscriber.takeMessages()).toEqual(["t=x"]);
  });

  test("QoS 1: PUBACK, with 0x10 where nobody listens (§3.4.2.1)", () => {
    const test = new TestBroker();
    const publisher = test.connect("p").publishes("t", "x", { qos: 1 });
    expect(publisher.take()).toMatchObject([ack(4, 1, ReasonCode.NoMatchingSubscribers)]);
    test.connect("s").subscribes("t");
    publisher.publishes("t", "x", { qos: 1 });
    expect(publisher.take()).toMatchObject([ack(4, 2, ReasonCode.Success)]);
    const old = test.connect("p4", { protocolVersion: 4 }).publishes("nobody", "x", { qos: 1 });
    expect(old.take()).toMatchObject([ack(4, 1, 0)]);
  });

  test("QoS 2 inbound: a message sent again is not delivered again [MQTT-4.3.3-10]", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s").subscribes("t");
    const publisher = test.connect("p");
    publisher.publishes("t", "x", { qos: 2, packetId: 7 });
    publisher.publishes("t", "x", { qos: 2, packetId: 7, dup: true });
    publisher.sends({ type: PacketType.PUBREL, packetId: 7, reasonCode: 0 });
    expect(publisher.take()).toMatchObject([ack(5, 7), ack(5, 7), ack(7, 7)]);
    publisher.publishes("t", "y", { qos: 2, packetId: 7 });
    expect(subscriber.takeMessages()).toEqual(["t=x", "t=y"]);
    publisher.sends({ type: PacketType.PUBREL, packetId: 9, reasonCode: 0 });
    expect(publisher.take()).toMatchObject([ack(5, 7), ack(7, 9, ReasonCode.PacketIdentifierNotFound)]);
  });

  test("QoS 2 inbound goes on in the resumed session", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s").subscribes("t");
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
    test.connect("p", lasting).publishes("t", "x", { qos: 2, packetId: 7 }).loses();
    const back = test.connect("p", lasting);
    back.publishes("t", "x", { qos: 2, packetId: 7, dup: true });
    back.sends({ type: PacketType.PUBREL, packetId: 7, reasonCode: 0 });
    expect(back.take()).toMatchObject([ack(5, 7), ack(7, 7)]);
    expect(subscriber.takeMessages()).toEqual(["t=x"]);
  });

  test("QoS 2 outbound: PUBREC → PUBREL → PUBCOMP frees the quota", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s", { properties: { receiveMaximum: 1 } }).subscribes("t", 2);
    test.connect("p").publishes("t", "1", { qos: 2 }).publishes("t", "2", { qos: 2 });
    expect(subscriber.takeMessages()).toEqual(["t=1"]);
    subscriber.sends(ack(5, 1));
    expect(subscriber.take()).toMatchObject([ack(6, 1)]);
    subscriber.sends(ack(7, 1));
    expect(subscriber.takeMessages()).toEqual(["t=2"]);
  });

  test("what was under way is sent again, in order, with DUP [MQTT-4.4.0-1] [MQTT-3.3.1-1]", () => {
    const test = new TestBroker();
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
    const subscriber = test.connect("s", lasting).subscribes("t", 2);
    const publisher = test.connect("p");
    for (const [payload, qos] of [
      ["1", 1],
      ["2", 2],
      ["3", 2],
      ["4", 1],
    ] as const) {
      publisher.publishes("t", payload, { qos });
    }
    subscriber.sends(ack(5, 3));
    subscriber.loses();
    publisher.publishes("t", "5", { qos: 1 });
    const back = test.connect("s", lasting);
    expect(back.take()).toMatchObject([
      ack(6, 3),
      { packetId: 1, dup: true, qos: 1 },
      { packetId: 2, dup: true, qos: 2 },
      { packetId: 4, dup: true, qos: 1 },
      { packetId: 5, dup: false, qos: 1 },
    ]);
  });

  test("a smaller Receive Maximum holds on resumption as well [MQTT-3.3.4-9]", () => {
    const test = new TestBroker();
    const lasting = (receiveMaximum: number) => ({
      cleanStart: false,
      properties: { sessionExpiryInterval: 60, receiveMaximum },
    });
    const subscriber = test.connect("s", lasting(10)).subscribes("t", 1);
    const publisher = test.connect("p");
    for (let i = 1; i <= 5; i++) publisher.publishes("t", `${i}`, { qos: 1 });
    subscriber.loses();
    const back = test.connect("s", lasting(2));
    expect(back.takeMessages()).toEqual(["t=1", "t=2"]);
    back.sends(ack(4, 1));
    expect(back.takeMessages()).toEqual(["t=3"]);
    for (const id of [2, 3, 4, 5]) back.sends(ack(4, id));
    expect(back.takeMessages()).toEqual(["t=4", "t=5"]);
    expect(back.connection!.sendQuota).toBe(2);
  });

  test("a late acknowledgement on the new connection stops the resend, and the quota is whole again", () => {
    const test = new TestBroker();
    const lasting = (receiveMaximum: number) => ({
      cleanStart: false,
      properties: { sessionExpiryInterval: 60, receiveMaximum },
    });
    const subscriber = test.connect("s", lasting(10)).subscribes("t", 2);
    const publisher = test.connect("p");
    for (const qos of [1, 1, 2] as const) publisher.publishes("t", `${qos}`, { qos });
    subscriber.loses();
    const back = test.connect("s", lasting(1));
    back.take();
    back.sends(ack(4, 2), ack(5, 3));
    expect(back.take()).toMatchObject([ack(6, 3)]);
    back.sends(ack(4, 1), ack(7, 3));
    expect(back.take()).toEqual([]);
    expect([back.connection!.sendQuota, test.broker.sessions.get("s")!.inflight.size]).toEqual([1, 0]);
    publisher.publishes("t", "next", { qos: 1 });
    expect(back.takeMessages()).toEqual(["t=next"]);
  });

  test("more than Receive Maximum unacknowledged from the client is 0x93", () => {
    const test = new TestBroker({ limits: { receiveMaximum: 2 } });
    const client = test.connect("p");
    for (let i = 0; i < 3; i++) client.publishes("t", "x", { qos: 2 });
    expect(client.take().at(-1)).toMatchObject({
      type: PacketType.DISCONNECT,
      reasonCode: ReasonCode.ReceiveMaximumExceeded,
    });
  });

  test("a 3.1.1 client over Receive Maximum, of which it knows nothing, still gets QoS 2 once", () => {
    const test = new TestBroker({ limits: { receiveMaximum: 2 } });
    const subscriber = test.connect("s").subscribes("t");
    const publisher = test.connect("p", { protocolVersion: 4 });
    for (const dup of [false, true]) {
      for (const packetId of [1, 2, 3]) publisher.publishes("t", `${packetId}`, { qos: 2, packetId, dup });
    }
    expect(subscriber.takeMessages()).toEqual(["t=1", "t=2", "t=3"]);
  });

  test("a PUBACK that refuses a message discards it; one of the wrong kind is a protocol error", () => {
    const test = new TestBroker();
    const client = test.connect("s", { properties: { receiveMaximum: 1 } }).subscribes("t", 2);
    test.connect("p").publishes("t", "1", { qos: 1 }).publishes("t", "2", { qos: 2 });
    client.sends(ack(4, 1, 0x80));
    expect(client.takeMessages()).toEqual(["t=1", "t=2"]);
    client.sends(ack(4, 2));
    expect(client.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: ReasonCode.ProtocolError }]);
  });
});

describe("what a PUBLISH may not have", () => {
  test.each([
    ["a wildcard", "a/+", {}, ReasonCode.TopicNameInvalid],
    ["no topic and no alias", "", {}, ReasonCode.ProtocolError],
    ["an unknown alias", "", { properties: { topicAlias: 3 } }, ReasonCode.ProtocolError],
    ["an alias over the maximum", "t", { properties: { topicAlias: 129 } }, ReasonCode.TopicAliasInvalid],
    ["a subscription identifier", "t", { properties: { subscriptionIdentifiers: [1] } }, ReasonCode.ProtocolError],
    ["a topic of the broker", "$SYS/x", {}, ReasonCode.NotAuthorized],
  ])("%s", (_name, topic, options, reasonCode) => {
    const client = new TestBroker().connect("p").publishes(topic, "x", options);
    expect(client.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode }]);
    expect(client.isClosed).toBe(true);
  });

  test("a payload that is said to be UTF-8 and is not: 0x99", () => {
    const payload = Buffer.from([0xff]);
    const properties = { payloadFormatIndicator: 1 };
    const client = new TestBroker().connect("p").publishes("t", "", { payload, properties, qos: 1 });
    expect(client.take()).toMatchObject([ack(4, 1, ReasonCode.PayloadFormatInvalid)]);
    expect(client.isClosed).toBe(false);
  });

  test("a topic the token does not allow: told at QoS 1, disconnected at QoS 0 and in 3.x", () => {
    const acl = { mayPublish: (topic: string) => topic === "mine", maySubscribe: () => true };
    const principal = { ...ANYONE, acl };
    const test = new TestBroker({ authenticate: () => ({ ok: true, principal }) });
    const v5 = test.connect("a").publishes("other", "", { qos: 1 }).publishes("mine", "", { qos: 1 });
    expect(v5.take()).toMatchObject([ack(4, 1, ReasonCode.NotAuthorized), ack(4, 2, 0x10)]);
    v5.publishes("other");
    expect(v5.isClosed).toBe(true);
    expect(test.connect("b", { protocolVersion: 4 }).publishes("other", "", { qos: 1 }).isClosed).toBe(true);
  });
});

describe("topic aliases", () => {
  test("stand for the topic once set, and end with the connection [MQTT-3.3.2-7]", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s").subscribes("#");
    const publisher = test.connect("p");
    publisher.publishes("a", "1", { properties: { topicAlias: 1 } });
    publisher.publishes("", "2", { properties: { topicAlias: 1 } });
    publisher.publishes("b", "3", { properties: { topicAlias: 1 } });
    publisher.publishes("", "4", { properties: { topicAlias: 1 } });
    expect(subscriber.takeMessages()).toEqual(["a=1", "a=2", "b=3", "b=4"]);
    const again = test.connect("p", { cleanStart: false }).publishes("", "5", { properties: { topicAlias: 1 } });
    expect(again.isClosed).toBe(true);
  });
});

describe("topic aliases that the broker sets", () => {
  const received = (client: ReturnType<TestBroker["connect"]>) =>
    client.takeAll(PacketType.PUBLISH).map((packet) => [packet.topic, packet.properties?.topicAlias]);

  test("a topic that comes back gets one, which then stands for it", () => {
    const test = new TestBroker();
    const client = test.connect("s", { properties: { topicAliasMaximum: 2 } }).subscribes("#");
    const publisher = test.connect("p");
    for (const topic of ["a", "a", "a", "b", "a"]) publisher.publishes(topic);
    expect(received(client)).toEqual([
      ["a", undefined],
      ["a", 1],
      ["", 1],
      ["b", undefined],
      ["", 1],
    ]);
  });

  test("never more than the client takes; a topic that is used more takes the place of another", () => {
    const test = new TestBroker();
    const client = test.connect("s", { properties: { topicAliasMaximum: 1 } }).subscribes("#");
    const publisher = test.connect("p");
    for (const topic of ["a", "a", "b", "b", "b", "b", "a"]) publisher.publishes(topic);
    expect(received(client)).toEqual([
      ["a", undefined],
      ["a", 1],
      ["b", undefined],
      ["b", undefined],
      ["b", 1],
      ["", 1],
      ["a", undefined],
    ]);
  });

  test("none for a client that takes none [MQTT-3.1.2-27]", () => {
    const test = new TestBroker();
    const client = test.connect("s").subscribes("#");
    const publisher = test.connect("p");
    for (let i = 0; i < 3; i++) publisher.publishes("a");
    expect(received(client)).toEqual([
      ["a", undefined],
      ["a", undefined],
      ["a", undefined],
    ]);
  });
});

describe("properties", () => {
  test("travel unchanged and in order, without the alias", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s").subscribes("t");
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Buffer.from("c"),
      userProperties: [
        ["a", "1"],
        ["a", "2"],
      ] as [string, string][],
    };
    test.connect("p").publishes("t", "x", { properties: { ...properties, topicAlias: 1 } });
    expect(subscriber.takeAll(PacketType.PUBLISH)[0]?.properties).toEqual(properties);
  });

  test("the rest of the message expiry is forwarded; expired copies are dropped [MQTT-3.3.2-5] [MQTT-3.3.2-6]", () => {
    const test = new TestBroker();
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 600 } };
    test.connect("s", lasting).subscribes("t", 1).loses();
    const publisher = test.connect("p");
    publisher.publishes("t", "short", { qos: 1, properties: { messageExpiryInterval: 5 } });
    publisher.publishes("t", "long", { qos: 1, properties: { messageExpiryInterval: 50 } });
    test.advance(10_000);
    const messages = test.connect("s", lasting).takeAll(PacketType.PUBLISH);
    expect(messages).toMatchObject([{ properties: { messageExpiryInterval: 40 } }]);
    expect(test.events).toContainEqual(expect.objectContaining({ type: "expire", clientId: "s" }));
  });

  test("a packet larger than the client takes is not sent, and counts as delivered [MQTT-3.1.2-24]", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s", { properties: { maximumPacketSize: 20 } }).subscribes("t", 1);
    test.connect("p").publishes("t", "x".repeat(30), { qos: 1 }).publishes("t", "y", { qos: 1 });
    expect(subscriber.takeMessages()).toEqual(["t=y"]);
    expect(test.events).toContainEqual(expect.objectContaining({ type: "drop", reason: "packet-too-large" }));
  });
});

describe("slow readers", () => {
  test("lose QoS 0, which is said, and get QoS 1 later", () => {
    const test = new TestBroker();
    const subscriber = test.connect("s").subscribes("t", 1);
    subscriber.congested = true;
    test.connect("p").publishes("t", "0").publishes("t", "1", { qos: 1 });
    expect(subscriber.takeMessages()).toEqual([]);
    expect(test.events).toContainEqual(expect.objectContaining({ type: "drop", reason: "slow-consumer" }));
    subscriber.congested = false;
    test.broker.drained(subscriber.connection!, test.now);
    expect(subscriber.takeMessages()).toEqual(["t=1"]);
  });

  test("a full queue drops new messages, which is said", () => {
    const test = new TestBroker({ limits: { queuedMessagesMax: 2 } });
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 600 } };
    test.connect("s", lasting).subscribes("t", 1).loses();
    const publisher = test.connect("p");
    for (const payload of ["1", "2", "3"]) publisher.publishes("t", payload, { qos: 1 });
    expect(test.events).toContainEqual(expect.objectContaining({ type: "drop", reason: "queue-full" }));
    expect(test.connect("s", lasting).takeMessages()).toEqual(["t=1", "t=2"]);
  });
});

describe("hooks", () => {
  const accept: Verdict = { kind: "accept" };

  test("nothing is delivered or acknowledged before the verdict", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const subscriber = test.connect("s").subscribes("t");
    subscriber.take();
    const publisher = test.connect("p").publishes("t", "x", { qos: 1 });
    expect([publisher.take(), subscriber.take()]).toEqual([[], []]);
    test.broker.hookCompleted(pending[0]!, accept, report, test.now);
    expect(publisher.take()).toMatchObject([ack(4, 1)]);
    expect(subscriber.takeMessages()).toEqual(["t=x"]);
  });

  test("order is kept whatever order the verdicts come in [MQTT-4.6.0-6]", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const subscriber = test.connect("s").subscribes("t");
    const publisher = test.connect("p");
    for (const payload of ["1", "2", "3"]) publisher.publishes("t", payload);
    for (const index of [2, 1]) test.broker.hookCompleted(pending[index]!, accept, report, test.now);
    expect(subscriber.takeMessages()).toEqual([]);
    test.broker.hookCompleted(pending[0]!, accept, report, test.now);
    expect(subscriber.takeMessages()).toEqual(["t=1", "t=2", "t=3"]);
  });

  test("one publisher does not wait for another's verdict", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const subscriber = test.connect("s").subscribes("t");
    test.connect("slow").publishes("t", "slow");
    test.connect("fast").publishes("t", "fast");
    test.broker.hookCompleted(pending[1]!, accept, report, test.now);
    expect(subscriber.takeMessages()).toEqual(["t=fast"]);
  });

  test("replace changes what is delivered and retained; drop is silent; reject is told", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const subscriber = test.connect("s").subscribes("t", 1);
    subscriber.take();
    const publisher = test.connect("p");
    for (let i = 0; i < 3; i++) publisher.publishes("t", "old", { qos: 1, retain: i === 0 });
    const verdicts: Verdict[] = [
      { kind: "replace", payload: Buffer.from("new"), properties: { contentType: "x" } },
      { kind: "drop", reason: "hook-dropped" },
      { kind: "reject", reasonCode: ReasonCode.QuotaExceeded, reason: "enough" },
    ];
    for (const [i, verdict] of verdicts.entries()) test.broker.hookCompleted(pending[i]!, verdict, report, test.now);
    expect(publisher.take()).toMatchObject([
      ack(4, 1),
      ack(4, 2),
      { ...ack(4, 3, ReasonCode.QuotaExceeded), properties: { reasonString: "enough" } },
    ]);
    expect(subscriber.take()).toMatchObject([
      { type: PacketType.PUBLISH, payload: Buffer.from("new"), properties: { contentType: "x" } },
    ]);
    expect(test.connect("late").subscribes("t").takeMessages()).toEqual(["t=new"]);
    expect(test.events.filter((event) => event.type === "hook")).toHaveLength(3);
  });

  test("a QoS 2 message sent again while it waits goes to the hook once, and is acknowledged where it came last", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
    test.connect("p", lasting).publishes("t", "x", { qos: 2, packetId: 3 }).loses();
    const back = test.connect("p", lasting).publishes("t", "x", { qos: 2, packetId: 3, dup: true });
    expect(pending).toHaveLength(1);
    test.broker.hookCompleted(pending[0]!, accept, report, test.now);
    expect(back.take()).toMatchObject([ack(5, 3, ReasonCode.NoMatchingSubscribers)]);
  });

  test("too many waiting messages stop the reading, until half of them are decided", () => {
    const test = new TestBroker({ limits: { pendingPublishesMax: 4 } });
    const pending = test.holdPublishes();
    const publisher = test.connect("p");
    for (let i = 0; i < 6; i++) publisher.publishes("t", `${i}`);
    expect(pending).toHaveLength(4);
    for (let i = 0; i < 2; i++) test.broker.hookCompleted(pending[i]!, accept, report, test.now);
    expect(pending).toHaveLength(6);
  });

  test("too many waiting bytes stop the reading as well", () => {
    const test = new TestBroker({ limits: { pendingBytesMax: 2000 } });
    const pending = test.holdPublishes();
    const publisher = test.connect("p");
    for (let i = 0; i < 6; i++) publisher.publishes("t", "x".repeat(900));
    expect(pending).toHaveLength(2);
    test.broker.hookCompleted(pending[0]!, accept, report, test.now);
    expect(pending).toHaveLength(2);
    test.broker.hookCompleted(pending[1]!, accept, report, test.now);
    expect(pending).toHaveLength(4);
  });

  test.each([{ pendingPublishesMax: 2 }, { pendingBytesMax: 400 }])(
    "wills behind a silent hook are dropped where twice as many wait as may: %o",
    (limits) => {
      const test = new TestBroker({ limits });
      const pending = test.holdPublishes();
      const will = { topic: "w", payload: Buffer.alloc(100), qos: 0 as const, retain: false };
      const lasting = { cleanStart: false, will, properties: { sessionExpiryInterval: 60 } };
      for (let i = 0; i < 20; i++) test.connect("p", lasting).loses();
      expect(pending).toHaveLength(4);
      expect(test.events.filter((event) => event.type === "drop")).toHaveLength(16);
      expect(test.events.find((event) => event.type === "drop")).toMatchObject({ reason: "queue-full" });
      for (const each of pending.splice(0)) test.broker.hookCompleted(each, accept, report, test.now);
      test.connect("p", lasting).loses();
      expect(pending).toHaveLength(1);
    },
  );

  test("topics that no hook wants are not submitted, and keep their publisher's order", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const { submit } = test.broker.hooks!;
    test.broker.hooks = { submit, wants: (topicName) => topicName === "t" };
    const subscriber = test.connect("s").subscribes("#");
    const publisher = test.connect("p").publishes("other", "1", { qos: 1 });
    expect(subscriber.takeMessages()).toEqual(["other=1"]);
    expect(publisher.take()).toMatchObject([ack(4, 1)]);
    publisher.publishes("t", "2").publishes("other", "3", { qos: 1 });
    test.connect("q").publishes("other", "4");
    expect(pending).toHaveLength(1);
    expect(subscriber.takeMessages()).toEqual(["other=4"]);
    test.broker.hookCompleted(pending[0]!, accept, report, test.now);
    expect(subscriber.takeMessages()).toEqual(["t=2", "other=3"]);
    expect(test.events.filter((event) => event.type === "hook")).toHaveLength(1);
  });

  test("what is lost goes to the dead-letter topic, past the hooks", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const letters = test.connect("l").subscribes("lost", 1);
    letters.take();
    const publisher = test.connect("p");
    const properties = { contentType: "text/plain", userProperties: [["own", "value"] as const] };
    publisher.publishes("t", "x", { qos: 1, retain: true, properties });
    const deadLetterTopic = "lost";
    const lost: Verdict = { kind: "drop", reason: "hook-timeout", detail: "secret", deadLetterTopic };
    test.broker.hookCompleted(pending[0]!, lost, report, test.now);
    expect(publisher.take()).toMatchObject([ack(4, 1)]);
    expect(letters.take()).toMatchObject([
      {
        type: PacketType.PUBLISH,
        topic: "lost",
        payload: Buffer.from("x"),
        qos: 1,
        retain: false,
        properties: {
          contentType: "text/plain",
          userProperties: [
            ["own", "value"],
            ["dead-letter-reason", "hook-timeout"],
            ["dead-letter-topic", "t"],
            ["dead-letter-client-id", "p"],
            ["dead-letter-mid", "1"],
            ["dead-letter-time", String(test.now)],
          ],
        },
      },
    ]);
    expect(pending).toHaveLength(1);
    expect(test.events.filter((event) => event.type === "publish")).toMatchObject([
      { message: { id: 1, publisherId: "p" } },
      { message: { id: 2, publisherId: "", topic: "lost" } },
    ]);
    expect(test.broker.retained.get("lost")).toBeUndefined();
  });

  test.each<[version: 4 | 5, qos: 0 | 1 | 2, isTold: boolean]>([
    [5, 1, true],
    [5, 2, true],
    [5, 0, false],
    [4, 1, false],
  ])("a rejected message is a dead letter where its publisher is not told: MQTT %i, QoS %i", (version, qos, isTold) => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const letters = test.connect("l").subscribes("lost");
    const publisher = test.connect("p", { protocolVersion: version }).publishes("t", "x", { qos });
    const reasonCode = ReasonCode.ImplementationSpecificError;
    const verdict: Verdict = { kind: "reject", reasonCode, reason: "hook-timeout", deadLetterTopic: "lost" };
    test.broker.hookCompleted(pending[0]!, verdict, report, test.now);
    expect(letters.takeMessages()).toEqual(isTold ? [] : ["lost=x"]);
    expect(publisher.isClosed).toBe(false);
    if (isTold) expect(publisher.take()).toMatchObject([{ reasonCode, properties: { reasonString: "hook-timeout" } }]);
  });

  test("a removed hook does not let later messages overtake those that wait", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    const subscriber = test.connect("s").subscribes("t");
    const publisher = test.connect("p").publishes("t", "1");
    test.broker.hooks = undefined;
    publisher.publishes("t", "2");
    expect(subscriber.takeMessages()).toEqual([]);
    test.broker.hookCompleted(pending[0]!, accept, report, test.now);
    expect(subscriber.takeMessages()).toEqual(["t=1", "t=2"]);
  });

  test("wills go through the hook as well", () => {
    const test = new TestBroker();
    const pending = test.holdPublishes();
    test.connect("p", { will: { topic: "w", payload: Buffer.from("x"), qos: 0, retain: false } }).loses();
    expect(pending[0]!.message).toMatchObject({ topic: "w", publisherId: "p" });
  });
});
