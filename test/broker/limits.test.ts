/** Each limit of src/broker/limits.ts that has a reason code: what is over it, and what the client is told. */
import { expect, test } from "vitest";
import { type Limits, defaultLimits } from "../../src/broker/index.ts";
import { type Packet, PacketType, ReasonCode } from "../../src/codec/index.ts";
import { TestBroker, type TestClient } from "./harness.ts";

const subscribe = (filters: string[]): Packet => ({
  type: PacketType.SUBSCRIBE,
  packetId: 77,
  subscriptions: filters.map((topicFilter) => ({
    topicFilter,
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
  })),
});

const codes = (packet: Packet | undefined): unknown =>
  packet === undefined || !("reasonCodes" in packet || "reasonCode" in packet)
    ? undefined
    : "reasonCodes" in packet
      ? packet.reasonCodes
      : packet.reasonCode;

interface Case {
  limits: Partial<Limits>;
  act(client: TestClient, test: TestBroker): unknown;
  /** Codes of the last packet received. */
  expected: unknown;
}

const cases: Record<string, Case> = {
  receiveMaximum: {
    limits: { receiveMaximum: 1 },
    act: (client) => client.publishes("t", "", { qos: 2 }).publishes("t", "", { qos: 2 }),
    expected: ReasonCode.ReceiveMaximumExceeded,
  },
  topicAliasMaximum: {
    limits: { topicAliasMaximum: 2 },
    act: (client) => client.publishes("t", "", { properties: { topicAlias: 3 } }),
    expected: ReasonCode.TopicAliasInvalid,
  },
  "topicBytesMax of a name": {
    limits: { topicBytesMax: 4 },
    act: (client) => client.publishes("äöü"),
    expected: ReasonCode.TopicNameInvalid,
  },
  "topicBytesMax of a filter": {
    limits: { topicBytesMax: 4 },
    act: (client) => client.sends(subscribe(["abcd", "abcde"])),
    expected: [0, ReasonCode.TopicFilterInvalid],
  },
  "topicLevelsMax of a name": {
    limits: { topicLevelsMax: 3 },
    act: (client) => client.publishes("a/b/c").publishes("a/b/c/d"),
    expected: ReasonCode.TopicNameInvalid,
  },
  "topicLevelsMax of a filter": {
    limits: { topicLevelsMax: 3 },
    act: (client) => client.sends(subscribe(["a/b/#", "a/b/c/#"])),
    expected: [0, ReasonCode.TopicFilterInvalid],
  },
  filtersPerSubscribeMax: {
    limits: { filtersPerSubscribeMax: 2 },
    act: (client) => client.sends(subscribe(["a", "b", "c"])),
    expected: [0, 0, ReasonCode.QuotaExceeded],
  },
  subscriptionsPerSessionMax: {
    limits: { subscriptionsPerSessionMax: 1 },
    act: (client) => client.sends(subscribe(["a", "b", "a"])),
    expected: [0, ReasonCode.QuotaExceeded, 0],
  },
  packetsPerSecondMax: {
    limits: { packetsPerSecondMax: 3 },
    act: (client, test) => {
      for (let second = 0; second < 3; second++) {
        for (let i = 0; i < 3; i++) client.sends({ type: PacketType.PINGREQ });
        expect(client.isClosed).toBe(false);
        test.advance(1000);
      }
      for (let i = 0; i < 4; i++) client.sends({ type: PacketType.PINGREQ });
    },
    expected: ReasonCode.MessageRateTooHigh,
  },
  retainedMessagesMax: {
    limits: { retainedMessagesMax: 1 },
    act: (client) => client.publishes("a", "x", { qos: 1, retain: true }).publishes("b", "x", { qos: 1, retain: true }),
    expected: ReasonCode.QuotaExceeded,
  },
  retainedBytesMax: {
    limits: { retainedBytesMax: 1000 },
    act: (client) => client.publishes("a", "x".repeat(1000), { qos: 1, retain: true }),
    expected: ReasonCode.QuotaExceeded,
  },
};

test.each(Object.entries(cases))("%s", (_name, { limits, act, expected }) => {
  const broker = new TestBroker({ limits });
  const client = broker.connect("a");
  act(client, broker);
  expect(codes(client.take().at(-1))).toEqual(expected);
});

const spacious = { userProperties: [["name", "x".repeat(1000)]] as [string, string][] };

test("retainedBytesMax counts properties", () => {
  const broker = new TestBroker({ limits: { retainedBytesMax: 1000 } });
  const client = broker.connect("a").publishes("a", "x", { qos: 1, retain: true, properties: spacious });
  expect(codes(client.take().at(-1))).toBe(ReasonCode.QuotaExceeded);
  client.publishes("a", "x", { qos: 1, retain: true });
  expect(codes(client.take().at(-1))).toBe(ReasonCode.NoMatchingSubscribers);
  expect(broker.broker.retained.bytes).toBe(1 + 1 + 128);
});

test("queuedBytesMax counts properties, and there is room again once they are sent", () => {
  const broker = new TestBroker({ limits: { queuedBytesMax: 2000 } });
  const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 60 } };
  broker.connect("s", lasting).subscribes("t", 1).loses();
  const publisher = broker.connect("p");
  for (const payload of ["1", "2"]) publisher.publishes("t", payload, { qos: 1, properties: spacious });
  expect(broker.events.filter((event) => event.type === "drop")).toMatchObject([{ reason: "queue-full" }]);
  const subscriber = broker.connect("s", lasting);
  expect(subscriber.takeMessages()).toEqual(["t=1"]);
  subscriber.loses();
  publisher.publishes("t", "3", { qos: 1, properties: spacious });
  expect(broker.connect("s", lasting).takeMessages()).toContain("t=3");
});

test("what is kept does not keep the chunk in which it arrived", () => {
  const broker = new TestBroker();
  const chunk = Buffer.alloc(65_536);
  const properties = { correlationData: chunk.subarray(0, 4) };
  broker.connect("a").publishes("a", "x", { retain: true, properties });
  expect(broker.broker.retained.get("a")!.properties!.correlationData!.buffer.byteLength).toBeLessThan(1100);
  broker.connect("b", { will: { topic: "t", payload: chunk.subarray(4, 8), qos: 0, retain: false } });
  expect(broker.broker.sessions.get("b")!.will!.message.payload.buffer.byteLength).toBeLessThan(1100);
});

test("a will topic over the limits refuses the connection", () => {
  const broker = new TestBroker({ limits: { topicLevelsMax: 2 } });
  const will = { topic: "a/b/c", payload: Buffer.alloc(0), qos: 0 as const, retain: false };
  expect(broker.connect("a", { will }).connack?.reasonCode).toBe(ReasonCode.TopicNameInvalid);
});

test("connectionsMax: 0x97 in CONNACK, and there is room again once one is gone", () => {
  const broker = new TestBroker({ limits: { connectionsMax: 1 } });
  const first = broker.connect("a");
  expect(broker.connect("b").connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
  expect(broker.connect("c", { protocolVersion: 4 }).connack?.reasonCode).toBe(3);
  first.loses();
  expect(broker.connect("b").connack?.reasonCode).toBe(0);
});

test("sessionsMax: 0x97 in CONNACK for a client without a session, until one has ended", () => {
  const broker = new TestBroker({ limits: { sessionsMax: 2 } });
  const lasting = { properties: { sessionExpiryInterval: 60 } };
  const away = broker.connect("away", lasting);
  away.loses();
  broker.connect("here", lasting);
  expect(broker.connect("new").connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
  expect(broker.connect("").connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
  expect(broker.connect("older", { protocolVersion: 4 }).connack?.reasonCode).toBe(3);
  expect(broker.broker.sessions.size).toBe(2);
  const back = broker.connect("away", { cleanStart: false, ...lasting });
  expect(back.connack).toMatchObject({ reasonCode: 0, sessionPresent: true });
  expect(broker.connect("here", { cleanStart: true, ...lasting }).connack?.reasonCode).toBe(0);
  back.loses();
  broker.advance(60_000);
  expect(broker.connect("new").connack?.reasonCode).toBe(0);
});

test.each([
  [0, 60],
  [5, 10],
  [30, undefined],
  [90, 60],
])("keep-alive %i within 10 to 60 seconds: Server Keep Alive %s", (keepAlive, told) => {
  const broker = new TestBroker({ limits: { keepAliveMinSeconds: 10, keepAliveMaxSeconds: 60 } });
  expect(broker.connect("a", { keepAlive }).connack?.properties?.serverKeepAlive).toBe(told);
});

test("where the limits of the keep-alive contradict each other the upper one counts", () => {
  const broker = new TestBroker({ limits: { keepAliveMinSeconds: 60, keepAliveMaxSeconds: 10 } });
  const told = [0, 5, 30, 90].map(
    (keepAlive) => broker.connect("a", { keepAlive }).connack?.properties?.serverKeepAlive,
  );
  expect(told).toEqual([10, 10, 10, 10]);
});

test("what CONNACK tells are the limits in force", () => {
  const { connack } = new TestBroker().connect("a");
  expect(connack?.properties).toEqual({
    receiveMaximum: defaultLimits.receiveMaximum,
    maximumPacketSize: defaultLimits.packetBytesMax,
    topicAliasMaximum: defaultLimits.topicAliasMaximum,
  });
});

test("Response Information is given to who asks for it [MQTT-3.1.2-28]", () => {
  const { connack } = new TestBroker().connect("a", { properties: { requestResponseInformation: 1 } });
  expect(connack?.properties?.responseInformation).toBe("response/a");
  const longest = new TestBroker().connect("a".repeat(65_535), { properties: { requestResponseInformation: 1 } });
  expect(longest.connack).toMatchObject({ reasonCode: 0 });
  expect(longest.connack?.properties?.responseInformation).toBeUndefined();
});
