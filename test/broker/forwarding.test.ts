/** Frames that are passed on as they came, and everything that makes the broker look at each of them instead. */
import { describe, expect, test } from "vitest";
import { PacketType, encode } from "../../src/codec/index.ts";
import { TestBroker, type TestClient } from "./harness.ts";

const frame = (payload: string) =>
  encode(
    {
      type: PacketType.PUBLISH,
      topic: "a",
      payload: Buffer.from(payload),
      qos: 0,
      retain: false,
      dup: false,
      packetId: 0,
    },
    5,
  );
const FRAMES = Buffer.concat([Buffer.from("before"), frame("2"), frame("3"), Buffer.from("behind")]);
const END = FRAMES.length - 6;

interface Scene {
  test: TestBroker;
  publisher: TestClient;
  subscriber: TestClient;
}

/** Someone has published to `a`, with one subscriber, and nobody watches. */
function scene(): Scene {
  const broker = new TestBroker();
  broker.broker.observer = undefined;
  const publisher = broker.connect("publisher");
  const subscriber = broker.connect("subscriber").subscribes("a");
  publisher.publishes("a", "1");
  subscriber.take();
  return { test: broker, publisher, subscriber };
}

const forward = ({ test: { broker }, publisher }: Scene, topicName = "a") =>
  broker.receiveRepeats(publisher.connection!, topicName, FRAMES, 6, END);

test("every subscriber gets the frames", () => {
  const it = scene();
  const other = it.test.connect("other").subscribes("#");
  other.take();
  expect(forward(it)).toBe(true);
  expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
  expect(other.takeMessages()).toEqual(["a=2", "a=3"]);
});

test("whoever is away, with a session that waits, gets nothing at QoS 0", () => {
  const it = scene();
  it.test
    .connect("away", { properties: { sessionExpiryInterval: 60 } })
    .subscribes("a", 1)
    .loses();
  expect(forward(it)).toBe(true);
  expect(it.subscriber.takeMessages()).toEqual(["a=2", "a=3"]);
  const back = it.test.connect("away", { cleanStart: false, properties: { sessionExpiryInterval: 60 } });
  expect(back.takeMessages()).toEqual([]);
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
    expect(forward(it)).toBe(false);
    expect(it.subscriber.take()).toEqual([]);
  });

  test("the last message was to a topic that is not allowed", () => {
    const it = scene();
    expect(forward(it, "other")).toBe(false);
  });
});
