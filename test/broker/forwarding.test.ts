/** Frames that are passed on as they came, and everything that makes the broker look at each of them instead. */
import { describe, expect, test } from "vitest";
import type { Acl, Limits } from "../../src/broker/index.ts";
import { Decoder, PacketType, PlainFrames, type Publish, type QoS, ReasonCode, encode } from "../../src/codec/index.ts";
import { MapJournal } from "./map-journal.ts";
import { TestBroker, type TestClient } from "./harness.ts";

const publish = (payload: string, qos: QoS, packetId: number): Publish => ({
  type: PacketType.PUBLISH,
  topic: "a",
  payload: Buffer.from(payload),
  qos,
  retain: false,
  dup: false,
  packetId,
});

/** The messages 2, 3 and so on behind the message 1, as the decoder finds them. */
function framesOf(qos: QoS, packetIds: number[], topic: string): PlainFrames {
  const frames = new PlainFrames();
  const decoder = new Decoder({ protocolVersion: 5 });
  const packets = [publish("1", qos, 1), ...packetIds.map((id, index) => publish(`${index + 2}`, qos, id))];
  decoder.push(
    Buffer.concat(packets.map((packet) => encode({ ...packet, topic, packetId: qos && packet.packetId }, 5))),
  );
  decoder.next();
  expect(decoder.findPlainFrames(frames)).toBe(true);
  return frames;
}

interface Scene {
  test: TestBroker;
  publisher: TestClient;
  subscriber: TestClient;
}

/** Someone has published to `a`, with one subscriber, and nobody watches. */
function scene(qos: QoS = 0, limits: Partial<Limits> = {}, journal?: MapJournal): Scene {
  const broker = new TestBroker({ limits, ...(journal && { journal }) });
  broker.broker.observer = undefined;
  const publisher = broker.connect("publisher");
  const subscriber = broker.connect("subscriber").subscribes("a", qos);
  publisher.publishes("a", "1");
  publisher.take();
  subscriber.take();
  return { test: broker, publisher, subscriber };
}

/** @returns how many of the messages were passed on, at QoS 0 whether they were */
function forward(
  { test: { broker, now }, publisher }: Scene,
  qos: QoS = 0,
  packetIds = [2, 3],
  topicName = "a",
): number {
  const frames = framesOf(qos, packetIds, topicName);
  const end = broker.receiveFrames(publisher.connection!, frames, now);
  if (qos === 0) return end === frames.end ? 2 : end - frames.start;
  return end === frames.start ? 0 : frames.ends.indexOf(end) + 1;
}

test("every subscriber gets the frames", () => {
  const it = scene();
  const other = it.test.connect("other").subscribes("#");
  other.take();
  expect(forward(it)).toBe(2);
  expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
  expect(other.takeMessages()).toEqual(["a=2", "a=3"]);
  expect(it.test.broker.traffic).toMatchObject({ messagesReceived: 3, messagesSent: 5 });
});

test("whoever is away, with a session that waits, gets nothing at QoS 0", () => {
  const it = scene();
  it.test
    .connect("away", { properties: { sessionExpiryInterval: 60 } })
    .subscribes("a", 1)
    .loses();
  expect(forward(it)).toBe(2);
  expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
  const back = it.test.connect("away", { cleanStart: false, properties: { sessionExpiryInterval: 60 } });
  expect(back.takeMessages()).toEqual([]);
});

test("a hook that wants other topics only is in nobody's way", () => {
  const it = scene();
  it.test.broker.hooks = {
    wants: (topicName) => topicName !== "a",
    submit: ({ message }) => expect.unreachable(message.topic),
  };
  expect(forward(it)).toBe(2);
  expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
});

const hindrances: [string, (scene: Scene) => unknown][] = [
  ["someone watches", (it) => (it.test.broker.observer = () => {})],
  ["a hook is asked", (it) => it.test.holdPublishes()],
  [
    "a message still waits for a hook that is gone",
    (it) => {
      it.test.holdPublishes();
      it.publisher.publishes("a", "waits");
      it.test.broker.hooks = undefined;
    },
  ],
  ["packets are counted", (it) => (it.test.broker.limits = { ...it.test.broker.limits, packetsPerSecondMax: 100 })],
  ["the publisher is gone", (it) => it.publisher.disconnects()],
  ["the subscription is shared", (it) => it.test.connect("s").subscribes("$share/s/a")],
  [
    "there is a subscription identifier",
    (it) => it.test.connect("s").subscribes("a", 0, {}, { subscriptionIdentifiers: [7] }),
  ],
  ["the publisher wants none of its own", (it) => it.publisher.subscribes("a", 0, { noLocal: true })],
  ["a subscriber speaks another version", (it) => it.test.connect("s", { protocolVersion: 4 }).subscribes("a")],
  [
    "a subscriber takes aliases",
    (it) => it.test.connect("s", { properties: { topicAliasMaximum: 5 } }).subscribes("a"),
  ],
  [
    "a subscriber takes small packets only",
    (it) => it.test.connect("s", { properties: { maximumPacketSize: 100 } }).subscribes("a"),
  ],
  ["a subscriber reads too slowly", (it) => (it.subscriber.congested = true)],
  [
    "something of QoS 0 waits for a subscriber",
    (it) => {
      it.publisher.publishes("kept", "x", { retain: true });
      it.subscriber.congested = true;
      it.subscriber.subscribes("kept");
      it.subscriber.congested = false;
    },
  ],
];

describe("the broker looks at each message where", () => {
  test.each(hindrances)("%s", (_name, hinder) => {
    const it = scene();
    hinder(it);
    it.subscriber.take();
    expect(forward(it)).toBe(0);
    expect(it.subscriber.take()).toEqual([]);
  });

  test("the client has not published to the topic", () => {
    const it = scene();
    expect(forward(it, 0, [2, 3], "other")).toBe(0);
  });
});

describe("topics to which a client has published before", () => {
  const anyone = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity };

  /** Of clients with rights of their own; `c` has published to `x/1` and `x/2`, the one in turn with the other. */
  function changing(acls: Record<string, Acl | undefined> = {}): { test: TestBroker; client(name: string): Scene } {
    const broker = new TestBroker({
      authenticate: ({ clientId }) => ({ ok: true, principal: { ...anyone, acl: acls[clientId] } }),
    });
    broker.broker.observer = undefined;
    const subscriber = broker.connect("s").subscribes("x/+");
    const client = (name: string) => ({ test: broker, publisher: broker.connect(name), subscriber });
    const { publisher } = client("c");
    for (let round = 0; round < 2; round++) publisher.publishes("x/1", "").publishes("x/2", "");
    subscriber.take();
    return { test: broker, client };
  }
  const everything = (): Acl => ({ mayPublish: () => true, maySubscribe: () => true });

  test("may change", () => {
    const it = changing().client("c");
    for (const topic of ["x/1", "x/2", "x/1"]) expect(forward(it, 0, [2, 3], topic)).toBe(2);
    expect(it.subscriber.takeMessages()).toEqual(["x/1=2", "x/1=3", "x/2=2", "x/2=3", "x/1=2", "x/1=3"]);
  });

  test("are open to others with the same rights, and to nobody else", () => {
    const acl = everything();
    const { client } = changing({ c: acl, same: acl, other: everything() });
    expect(forward(client("same"), 0, [2, 3], "x/1")).toBe(2);
    expect(forward(client("other"), 0, [2, 3], "x/1")).toBe(0);
    expect(forward(client("nobody"), 0, [2, 3], "x/1")).toBe(0);
  });

  test("are looked at anew where nobody's rights were looked at", () => {
    const { test: broker, client } = changing();
    broker.broker.subscriptions.route("x/3");
    expect(forward(client("c"), 0, [2, 3], "x/3")).toBe(0);
  });

  test.each<[string, (test: TestBroker) => unknown]>([
    ["a filter with wildcards comes", (it) => it.connect("new").subscribes("#")],
    ["the limits change", ({ broker }) => (broker.limits = { ...broker.limits, topicLevelsMax: 1 })],
  ])("are looked at anew after %s", (_name, change) => {
    const { test: broker, client } = changing();
    const it = client("c");
    change(broker);
    expect(forward(it, 0, [2, 3], "x/1")).toBe(0);
  });

  test("that are too deep by now are refused", () => {
    const { test: broker, client } = changing();
    const { publisher } = client("c");
    broker.broker.limits = { ...broker.broker.limits, topicLevelsMax: 1 };
    publisher.publishes("x/1", "", { qos: 1 });
    expect(publisher.takeAll(PacketType.DISCONNECT)).toMatchObject([{ reasonCode: ReasonCode.TopicNameInvalid }]);
  });

  test("keep the client's connection alive", () => {
    const { test: broker, client } = changing();
    const publisher = broker.connect("k", { keepAlive: 10 });
    const it = { ...client("s2"), publisher };
    for (let count = 0; count < 4; count++) {
      broker.advance(10_000);
      forward(it, 0, [2, 3], "x/1");
    }
    expect(publisher.isClosed).toBe(false);
  });
});

describe.each([1, 2] as const)("at QoS %i", (qos) => {
  const answer = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
  const takeIds = (client: TestClient) => client.takeAll(answer).map(({ packetId }) => packetId);

  test("each subscriber gets the frames with packet identifiers of its own, and the publisher its answers", () => {
    const it = scene(qos);
    const other = it.test.connect("other").subscribes("#", 2);
    other.take();
    expect(forward(it, qos, [7, 40_000, 9])).toBe(3);
    expect(takeIds(it.publisher)).toEqual([7, 40_000, 9]);
    expect(it.test.broker.traffic).toMatchObject({ messagesReceived: 4, messagesSent: 7 });
    for (const client of [it.subscriber, other]) {
      const frames = client.takeAll(PacketType.PUBLISH);
      expect(frames.map(({ payload }) => payload.toString())).toEqual(["2", "3", "4"]);
      expect(frames.map((frame) => [frame.qos, frame.packetId])).toEqual([1, 2, 3].map((id) => [qos, id]));
    }
  });

  test("the exchange goes on as with any other message", () => {
    const it = scene(qos);
    expect(forward(it, qos)).toBe(2);
    const { inflight } = it.test.broker.sessions.get("subscriber")!;
    const quota = it.subscriber.connection!.sendQuota;
    expect(inflight.size).toBe(2);
    for (const { packetId } of it.subscriber.takeAll(PacketType.PUBLISH)) {
      it.subscriber.sends({ type: answer, packetId, reasonCode: 0 });
      if (qos === 1) continue;
      expect(it.subscriber.take()).toMatchObject([{ type: PacketType.PUBREL, packetId }]);
      it.subscriber.sends({ type: PacketType.PUBCOMP, packetId, reasonCode: 0 });
    }
    expect([inflight.size, it.subscriber.connection!.sendQuota]).toEqual([0, quota + 2]);
    if (qos === 1) return;
    it.publisher.take();
    it.publisher.sends({ type: PacketType.PUBREL, packetId: 3, reasonCode: 0 });
    expect(it.publisher.take()).toMatchObject([{ type: PacketType.PUBCOMP, packetId: 3, reasonCode: 0 }]);
  });

  test("as many are passed on as the subscriber may have under way", () => {
    const it = scene(qos, { inflightMax: 2 });
    expect(forward(it, qos, [2, 3, 4])).toBe(2);
    expect(takeIds(it.publisher)).toEqual([2, 3]);
    expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
    expect(forward(it, qos, [4])).toBe(0);
  });

  test("a publisher whom nobody hears is told so", () => {
    const it = scene(qos);
    it.subscriber.disconnects();
    expect(forward(it, qos)).toBe(2);
    const [first] = it.publisher.takeAll(answer);
    expect(first).toMatchObject({ packetId: 2, reasonCode: ReasonCode.NoMatchingSubscribers });
  });

  test.each<[string, (scene: Scene) => unknown]>([
    ["a subscription is for a lower QoS", (it) => it.test.connect("s").subscribes("a", (qos - 1) as QoS)],
    [
      "a session outlives its connection",
      (it) => it.test.connect("s", { properties: { sessionExpiryInterval: 60 } }).subscribes("a", 2),
    ],
    [
      "a client with a session is away",
      (it) =>
        it.test
          .connect("s", { properties: { sessionExpiryInterval: 60 } })
          .subscribes("a", 2)
          .loses(),
    ],
    ["a subscriber reads too slowly", (it) => (it.subscriber.congested = true)],
    [
      "something waits for a subscriber",
      (it) => {
        it.subscriber.congested = true;
        it.publisher.publishes("a", "waits", { qos, packetId: 100 });
        it.subscriber.congested = false;
      },
    ],
  ])("each message is looked at where %s", (_name, hinder) => {
    const it = scene(qos);
    hinder(it);
    it.publisher.take();
    it.subscriber.take();
    expect(forward(it, qos)).toBe(0);
    expect([it.subscriber.take(), it.publisher.take()]).toEqual([[], []]);
  });
});

describe("a QoS 2 message is not passed on", () => {
  test("that is sent again, [MQTT-4.3.3-10]", () => {
    const it = scene(2);
    expect(forward(it, 2, [2, 3, 2, 4])).toBe(2);
    expect(forward(it, 2, [3])).toBe(0);
    expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
  });

  test("that the client may not send yet [MQTT-3.3.4-7]", () => {
    const it = scene(2, { receiveMaximum: 2 });
    expect(forward(it, 2, [2, 3, 4])).toBe(2);
    expect(forward(it, 2, [4])).toBe(0);
  });

  test("whose publisher has a session that is kept", () => {
    const it = scene(2, {}, new MapJournal());
    it.publisher = it.test.connect("lasting", { properties: { sessionExpiryInterval: 60 } });
    it.publisher.publishes("a", "1", { qos: 2, packetId: 1 });
    it.subscriber.take();
    expect(forward(it, 2)).toBe(0);
    expect(it.subscriber.take()).toEqual([]);
  });
});
