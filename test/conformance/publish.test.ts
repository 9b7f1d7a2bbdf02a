/** PUBLISH: topic name, properties and forwarding. MQTT 5.0 §3.3.2, 3.1.1 §3.3.2. */
import { describe, expect, test } from "vitest";
import type { Publish } from "../../src/codec/index.ts";
import {
  PacketType,
  ReasonCode,
  TestBroker,
  both,
  disconnectCode,
  lasting,
  pubcomp,
  pubrec,
  pubrel,
} from "./support.ts";
import { type Field, Server, closes, frame, prefixed, publishFrame, raw } from "./wire.ts";

/** What a subscriber at QoS 2 gets of a message with these properties. */
function forwarded(properties: NonNullable<Publish["properties"]>): Publish["properties"] {
  const world = new TestBroker();
  const subscriber = world.connect("s").subscribes("t", 2);
  world.connect("p").publishes("t", "payload", { qos: 1, properties });
  return subscriber.takeAll(PacketType.PUBLISH)[0]!.properties;
}

describe("topic name", () => {
  both("[MQTT-3.3.2-1] [3.1.1 MQTT-3.3.2-1] is the first field, and well-formed UTF-8", async (version) => {
    const server = await Server.start();
    for (const packet of [
      frame(0x30),
      frame(0x30, 0),
      frame(0x30, 0, 9, 0x74),
      publishFrame(version, { topic: prefixed(0xff) }),
    ]) {
      const client = await server.connect("c", { protocolVersion: version });
      expect(await client.outcome(packet)).toBe(closes(version, ReasonCode.MalformedPacket));
    }
  });

  both("[MQTT-3.3.2-2] [3.1.1 MQTT-3.3.2-2] pitfall 40: wildcards are refused", (version) => {
    const world = new TestBroker();
    const watcher = world.connect("w").subscribes("#");
    watcher.take();
    for (const topic of ["#", "+", "a/#", "a/+/b", "a#", "a+b"]) {
      for (const qos of [0, 1, 2] as const) {
        const client = world.connect("c", { protocolVersion: version }).publishes(topic, "", { qos });
        expect([topic, client.isClosed]).toEqual([topic, true]);
        expect(disconnectCode(client)).toBe(version === 5 ? ReasonCode.TopicNameInvalid : undefined);
      }
    }
    expect(watcher.take()).toEqual([]);
  });

  both("[MQTT-3.3.2-3] [3.1.1 MQTT-3.3.2-3] is sent as it was published, whatever filter matched", (version) => {
    const world = new TestBroker();
    const subscriber = world.connect("s", { protocolVersion: version });
    for (const filter of ["#", "a/+/c", "a/b/c"]) subscriber.subscribes(filter);
    subscriber.take();
    world.connect("p").publishes("a/b/c").publishes("other");
    const topics = subscriber.takeAll(PacketType.PUBLISH).map(({ topic }) => topic);
    expect(new Set(topics)).toEqual(new Set(["a/b/c", "other"]));
  });
});

describe("properties that are forwarded", () => {
  const userProperties: [string, string][] = [
    ["b", "1"],
    ["a", "2"],
    ["b", "3"],
    ["", ""],
    ["ü", "€"],
  ];

  test.each<[name: string, properties: NonNullable<Publish["properties"]>]>([
    ["[MQTT-3.3.2-4] Payload Format Indicator 0", { payloadFormatIndicator: 0 }],
    ["[MQTT-3.3.2-4] Payload Format Indicator 1", { payloadFormatIndicator: 1 }],
    ["[MQTT-3.3.2-15] Response Topic", { responseTopic: "answers/für mich" }],
    ["[MQTT-3.3.2-16] Correlation Data", { correlationData: Buffer.from([0, 255, 0, 128]) }],
    ["[MQTT-3.3.2-16] Correlation Data of no bytes", { correlationData: Buffer.alloc(0) }],
    ["[MQTT-3.3.2-17] [MQTT-3.3.2-18] User Properties, in order and repeated", { userProperties }],
    ["[MQTT-3.3.2-20] Content Type", { contentType: "application/json; charset=utf-8" }],
  ])("%s", (_name, properties) => {
    expect(forwarded(properties)).toEqual(properties);
  });

  test("all together, through a queue and as a retained message", () => {
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "c",
      responseTopic: "r",
      correlationData: raw(1),
      userProperties,
    };
    const world = new TestBroker();
    world.connect("s", lasting()).subscribes("t", 1).loses();
    world.connect("p").publishes("t", "x", { qos: 1, retain: true, properties });
    const queued = world.connect("s", lasting()).takeAll(PacketType.PUBLISH);
    const retained = world.connect("new").subscribes("t").takeAll(PacketType.PUBLISH);
    expect([queued[0]!.properties, retained[0]!.properties]).toEqual([properties, properties]);
  });

  test("3.1.1 subscribers get the message without them", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s", { protocolVersion: 4 }).subscribes("t");
    world
      .connect("p")
      .publishes("t", "x", { properties: { contentType: "c", messageExpiryInterval: 9, userProperties } });
    expect(subscriber.takeMessages()).toEqual(["t=x"]);
  });
});

describe("properties that are checked", () => {
  const ILL_FORMED: Field = prefixed(0xc0, 0x80);
  const property = (identifier: number, field: Field) => frame(0, identifier, field).subarray(1);

  test.each([
    ["[MQTT-3.3.2-13] an ill-formed Response Topic", property(0x08, ILL_FORMED), 0x81],
    ["[MQTT-3.3.2-19] an ill-formed Content Type", property(0x03, ILL_FORMED), 0x81],
    ["[MQTT-3.3.2-14] pitfall 40: + in the Response Topic", property(0x08, "a/+"), 0x82],
    ["[MQTT-3.3.2-14] pitfall 40: # in the Response Topic", property(0x08, "#"), 0x82],
    ["[MQTT-3.3.4-6] pitfall 31: a Subscription Identifier", property(0x0b, 5), 0x82],
    ["[MQTT-3.3.4-6] pitfall 31: Subscription Identifier 0", property(0x0b, 0), 0x82],
    ["[MQTT-3.3.2-8] pitfall 19: Topic Alias 0", property(0x23, raw(0, 0)), 0x94],
    ["a Payload Format Indicator of 2", property(0x01, 2), 0x82],
    ["a property of another packet", property(0x17, 1), 0x81],
  ])("%s", async (_name, properties, reasonCode) => {
    const client = await (await Server.start()).connect("c");
    expect(await client.outcome(publishFrame(5, { properties }))).toBe(reasonCode);
  });

  test("pitfall 31: Subscription Identifier 0 in SUBSCRIBE is 0x82", async () => {
    const client = await (await Server.start()).connect("c");
    expect(await client.outcome(frame(0x82, 0, 1, property(0x0b, 0), "t", 0))).toBe(ReasonCode.ProtocolError);
  });

  test("pitfall 41: Payload Format Indicator 1 with a payload that is not UTF-8 is 0x99 (§3.3.2.3.2)", () => {
    const world = new TestBroker();
    const watcher = world.connect("w").subscribes("t");
    watcher.take();
    const properties = { payloadFormatIndicator: 1 };
    const payload = raw(0x61, 0xff);
    const publisher = world.connect("p");
    publisher.publishes("t", "", { qos: 1, payload, properties }).publishes("t", "", { qos: 2, payload, properties });
    expect(publisher.take()).toMatchObject([
      { type: PacketType.PUBACK, reasonCode: ReasonCode.PayloadFormatInvalid },
      { type: PacketType.PUBREC, reasonCode: ReasonCode.PayloadFormatInvalid },
    ]);
    publisher.publishes("t", "", { payload, properties });
    expect([disconnectCode(publisher), watcher.take()]).toEqual([ReasonCode.PayloadFormatInvalid, []]);
    world.connect("q").publishes("t", "", { payload, properties: { payloadFormatIndicator: 0 } });
    expect(watcher.take()).toHaveLength(1);
  });
});

describe("topic aliases from the client", () => {
  const alias = (topicAlias: number) => ({ properties: { topicAlias } });

  test("[MQTT-3.3.2-12] every one up to the server's maximum is accepted", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s").subscribes("#");
    const publisher = world.connect("p");
    const maximum = publisher.connack!.properties!.topicAliasMaximum!;
    expect(maximum).toBeGreaterThan(0);
    for (let i = 1; i <= maximum; i++) publisher.publishes(`t/${i}`, "set", alias(i)).publishes("", "used", alias(i));
    const expected = Array.from({ length: maximum }, (_, i) => [`t/${i + 1}=set`, `t/${i + 1}=used`]).flat();
    expect(subscriber.takeMessages()).toEqual(expected);
  });

  test("[MQTT-3.3.2-9] pitfall 19: one over it is 0x94", () => {
    const world = new TestBroker();
    const publisher = world.connect("p");
    publisher.publishes("t", "", alias(publisher.connack!.properties!.topicAliasMaximum! + 1));
    expect(disconnectCode(publisher)).toBe(ReasonCode.TopicAliasInvalid);
  });

  test("[MQTT-3.3.2-9] pitfall 19: where the server takes none, any is 0x94", () => {
    const publisher = new TestBroker({ limits: { topicAliasMaximum: 0 } }).connect("p");
    expect(publisher.connack!.properties!.topicAliasMaximum ?? 0).toBe(0);
    publisher.publishes("t", "", alias(1));
    expect(disconnectCode(publisher)).toBe(ReasonCode.TopicAliasInvalid);
  });

  test("[MQTT-3.3.2-7] pitfall 20: they end with the connection, also where the session goes on", () => {
    const world = new TestBroker();
    world.connect("p", lasting()).publishes("t", "", alias(1)).loses();
    const back = world.connect("p", lasting()).publishes("", "", alias(1));
    expect(disconnectCode(back)).toBe(ReasonCode.ProtocolError);
  });

  test("pitfall 20: an unknown one, or no topic and no alias, is 0x82", () => {
    const world = new TestBroker();
    const unknown = world.connect("a").publishes("", "", alias(1));
    const none = world.connect("b").publishes("", "");
    expect([disconnectCode(unknown), disconnectCode(none)]).toEqual([
      ReasonCode.ProtocolError,
      ReasonCode.ProtocolError,
    ]);
  });

  test("they can be set anew, and belong to one connection", () => {
    const world = new TestBroker();
    const subscriber = world.connect("s").subscribes("#");
    world.connect("p").publishes("a", "1", alias(1)).publishes("b", "2", alias(1)).publishes("", "3", alias(1));
    const other = world.connect("q").publishes("", "4", alias(1));
    expect(subscriber.takeMessages()).toEqual(["a=1", "b=2", "b=3"]);
    expect(other.isClosed).toBe(true);
  });
});

describe("topic aliases from the server", () => {
  /** What is sent for messages on these topics in turn, as [topic, alias]. */
  function aliased(topicAliasMaximum: number | undefined, topics: string[]): [string, number | undefined][] {
    const world = new TestBroker();
    const properties = topicAliasMaximum === undefined ? {} : { topicAliasMaximum };
    const subscriber = world.connect("s", { properties }).subscribes("#");
    subscriber.take();
    const publisher = world.connect("p");
    for (const topic of topics) publisher.publishes(topic);
    return subscriber.takeAll(PacketType.PUBLISH).map((packet) => [packet.topic, packet.properties?.topicAlias]);
  }

  test("[MQTT-3.1.2-26] [MQTT-3.3.2-11] stay within the client's maximum, and stand for the right topics", () => {
    const topics = Array.from({ length: 400 }, (_, i) => `t/${(i * i) % 7}`);
    for (const maximum of [1, 2, 3, 65_535]) {
      const known = new Map<number, string>();
      const resolved = aliased(maximum, topics).map(([topic, alias]) => {
        if (alias === undefined) return topic;
        expect(alias).toBeGreaterThan(0);
        expect(alias).toBeLessThanOrEqual(maximum);
        if (topic !== "") known.set(alias, topic);
        return known.get(alias);
      });
      expect(resolved).toEqual(topics);
    }
  });

  test("[MQTT-3.1.2-27] none where the client takes none", () => {
    const topics = ["t", "t", "t", "t"];
    for (const maximum of [undefined, 0]) {
      expect(aliased(maximum, topics)).toEqual(topics.map((topic) => [topic, undefined]));
    }
  });

  test("[MQTT-3.3.2-7] they start anew with each connection", () => {
    const world = new TestBroker();
    const options = lasting(5, { topicAliasMaximum: 5 });
    const before = world.connect("s", options).subscribes("t", 1);
    const publisher = world.connect("p");
    for (let i = 0; i < 3; i++) publisher.publishes("t", "", { qos: 1 });
    before.loses();
    // What is sent again, too, must name its topic before an alias stands for it.
    expect(world.connect("s", options).takeAll(PacketType.PUBLISH)[0]).toMatchObject({ topic: "t", dup: true });
  });
});

describe("message expiry", () => {
  const expires = (messageExpiryInterval: number) => ({ qos: 2 as const, properties: { messageExpiryInterval } });
  const left = (packets: Publish[]) => packets.map((packet) => packet.properties?.messageExpiryInterval);

  test("[MQTT-3.3.2-6] pitfall 21: what is left of the interval is forwarded, for queued and retained messages", () => {
    const world = new TestBroker();
    const online = world.connect("online").subscribes("t", 1);
    world.connect("away", lasting()).subscribes("t", 1).loses();
    world.connect("p").publishes("t", "x", { ...expires(60), retain: true });
    expect(left(online.takeAll(PacketType.PUBLISH))).toEqual([60]);
    world.advance(20_000);
    expect(left(world.connect("away", lasting()).takeAll(PacketType.PUBLISH))).toEqual([40]);
    expect(left(world.connect("new").subscribes("t").takeAll(PacketType.PUBLISH))).toEqual([40]);
  });

  test("[MQTT-3.3.2-5] pitfall 22: a copy whose interval has passed is not delivered", () => {
    const world = new TestBroker();
    world.connect("away", lasting()).subscribes("t", 2).loses();
    world
      .connect("p")
      .publishes("t", "early", expires(10))
      .publishes("t", "late", { ...expires(11), retain: true });
    world.advance(10_000);
    expect(world.connect("away", lasting()).takeMessages()).toEqual(["t=late"]);
    world.advance(1_000);
    expect(world.connect("new").subscribes("t").takeMessages()).toEqual([]);
    expect(world.broker.retained.size).toBe(0);
  });

  test("[MQTT-3.3.2-5] pitfall 22: nor while it waits for the client's quota", () => {
    const world = new TestBroker();
    const slow = world.connect("slow", { properties: { receiveMaximum: 1 } }).subscribes("t", 2);
    world.connect("p").publishes("t", "1", { qos: 2 }).publishes("t", "2", expires(10)).publishes("t", "3", { qos: 2 });
    const [first] = slow.takeAll(PacketType.PUBLISH);
    world.advance(10_000);
    slow.sends(pubrec(first!.packetId), pubcomp(first!.packetId));
    expect(slow.takeMessages()).toEqual(["t=3"]);
  });

  test("[MQTT-4.3.3-7] pitfall 23: a QoS 2 delivery that began does not expire", () => {
    const world = new TestBroker();
    const before = world.connect("s", lasting()).subscribes("t", 2);
    world.connect("p").publishes("t", "x", expires(10));
    expect(before.takeMessages()).toEqual(["t=x"]);
    before.loses();
    world.advance(100_000);
    const back = world.connect("s", lasting());
    const [again] = back.takeAll(PacketType.PUBLISH);
    expect(again).toMatchObject({ dup: true, payload: Buffer.from("x") });
    back.sends(pubrec(again!.packetId));
    world.advance(100_000);
    expect(back.sends(pubrec(again!.packetId)).takeAll(PacketType.PUBREL)).toHaveLength(2);
  });

  test("[MQTT-4.3.3-13] pitfall 23: nor does the acknowledgement of a message that has expired stop", () => {
    const world = new TestBroker();
    const pending = world.holdPublishes();
    const publisher = world.connect("p").publishes("t", "x", { ...expires(1), packetId: 5 });
    world.advance(10_000);
    world.broker.hookCompleted(pending[0]!, { kind: "accept" }, { elapsedMs: 1, batchSize: 1 }, world.now);
    publisher.sends(pubrel(5));
    expect(publisher.take()).toMatchObject([
      { type: PacketType.PUBREC, packetId: 5, reasonCode: 0 },
      { type: PacketType.PUBCOMP, packetId: 5, reasonCode: 0 },
    ]);
  });
});
