/** What a broker writes to its journal, and what it makes of that at the next start. */
import { describe, expect, test } from "vitest";
import type { JournalRecord, Message, RecordId } from "../../src/broker/index.ts";
import { PacketType, ReasonCode } from "../../src/codec/index.ts";
import { TestBroker, type TestClient } from "./harness.ts";
import { MapJournal, durableState } from "./map-journal.ts";

const DURABLE = { properties: { sessionExpiryInterval: 100 } };
const WILL = { topic: "will", payload: Buffer.from("gone"), qos: 1, retain: false } as const;

/** A broker with a journal, and a subscriber `sub` of `t` with a session that is kept. */
function withSubscriber(): { test: TestBroker; journal: MapJournal; sub: TestClient } {
  const journal = new MapJournal();
  const test = new TestBroker({ journal });
  const sub = test.connect("sub", DURABLE).subscribes("t", 2);
  sub.take();
  return { test, journal, sub };
}

/** The next process, which has what the journal has now. */
function restart({ now }: TestBroker, journal: MapJournal): { test: TestBroker; journal: MapJournal } {
  const kept = new MapJournal(journal.records);
  const test = new TestBroker({ journal: kept });
  test.now = now;
  test.broker.restore(kept.kept, now);
  return { test, journal: kept };
}

const resume = (test: TestBroker, clientId: string): TestClient =>
  test.connect(clientId, { cleanStart: false, ...DURABLE });

describe("what is kept", () => {
  test("nothing of sessions that end with their connections, and of messages that are not retained", () => {
    const journal = new MapJournal();
    const broker = new TestBroker({ journal });
    const sub = broker.connect("sub", { will: WILL }).subscribes("#", 2);
    broker.connect("pub").publishes("t", "1", { qos: 1 }).publishes("t", "2", { qos: 2 }).publishes("t", "3");
    expect(sub.takeMessages()).toEqual(["t=1", "t=2", "t=3"]);
    expect(journal.changes).toBe(0);
  });

  test("QoS 0 changes nothing, not even for a session that is kept", () => {
    const { test, journal, sub } = withSubscriber();
    const before = journal.changes;
    test.connect("pub").publishes("t", "1");
    expect(sub.takeMessages()).toEqual(["t=1"]);
    expect(journal.changes).toBe(before);
  });

  test("a message once, however many sessions wait for it and though it is retained", () => {
    const { test, journal } = withSubscriber();
    test.connect("other", DURABLE).subscribes("t", 1);
    test.connect("pub").publishes("t", "1", { qos: 1, retain: true });
    expect(journal.recordsOf("message")).toHaveLength(1);
    expect(journal.recordsOf("delivery")).toHaveLength(2);
    expect(journal.recordsOf("retained")).toHaveLength(1);
  });

  test("nothing once everything is acknowledged, replaced and ended", () => {
    const { test, journal, sub } = withSubscriber();
    const pub = test.connect("pub", DURABLE);
    pub.publishes("t", "1", { qos: 2, packetId: 7, retain: true });
    const { packetId } = sub.takeAll(PacketType.PUBLISH)[0]!;
    sub.sends({ type: PacketType.PUBREC, packetId, reasonCode: 0 });
    expect(journal.recordsOf("delivery")).toMatchObject([{ released: true, packetId }]);
    sub.sends({ type: PacketType.PUBCOMP, packetId, reasonCode: 0 });
    expect(journal.recordsOf("received")).toMatchObject([{ packetId: 7 }]);
    pub.sends({ type: PacketType.PUBREL, packetId: 7, reasonCode: 0 });
    pub.publishes("t", "", { retain: true });
    sub.sends({ type: PacketType.UNSUBSCRIBE, packetId: 9, topicFilters: ["t"] });
    expect([...journal.records.values()].map(({ type }) => type)).toEqual(["session", "session"]);
    sub.disconnects(0, { sessionExpiryInterval: 0 });
    pub.loses();
    test.advance(100_000);
    expect(journal.records.size).toBe(0);
  });

  test("a session that is resumed to end with its connection is no longer kept", () => {
    const { test, journal, sub } = withSubscriber();
    sub.loses();
    test.connect("pub").publishes("t", "1", { qos: 1 });
    expect(journal.recordsOf("delivery")).toHaveLength(1);
    expect(test.connect("sub", { cleanStart: false }).takeMessages()).toEqual(["t=1"]);
    expect(journal.records.size).toBe(0);
  });

  test("retained messages end with their expiry", () => {
    const journal = new MapJournal();
    const broker = new TestBroker({ journal });
    const pub = broker.connect("pub");
    pub.publishes("t", "1", { retain: true, properties: { messageExpiryInterval: 10 } });
    expect(journal.records.size).toBe(2);
    broker.advance(10_000);
    expect(journal.records.size).toBe(0);
  });
});

describe("restore", () => {
  test("reads what waits in a queue when it is its turn, once for all who wait for it", () => {
    const { test, journal, sub } = withSubscriber();
    const other = test.connect("other", DURABLE).subscribes("#", 1);
    for (const client of [sub, other]) client.disconnects();
    const publisher = test.connect("publisher");
    for (const payload of ["a", "b", "c"]) publisher.publishes("t", payload, { qos: 1 });
    const kept = new MapJournal(journal.records);
    const read: number[] = [];
    const records = kept.kept;
    const { readWaiting } = records;
    const next = new TestBroker({ journal: kept });
    const counted = (place: number) => {
      read.push(place);
      return readWaiting(place);
    };
    next.broker.restore(Object.assign(records, { readWaiting: counted }), 0);
    const [first, second] = ["sub", "other"].map((clientId) => next.broker.sessions.get(clientId)!);
    expect(read).toEqual([]);
    expect([first!.queue.length, first!.queuedBytes]).toEqual([3, second!.queuedBytes]);
    const messagesOf = (clientId: string) => resume(next, clientId).takeMessages();
    expect(messagesOf("sub")).toEqual(["t=a", "t=b", "t=c"]);
    expect(read).toHaveLength(3);
    expect(messagesOf("other")).toEqual(["t=a", "t=b", "t=c"]);
    expect(read).toHaveLength(3);
    expect([first, second].map((session) => session!.queuedBytes)).toEqual([0, 0]);
  });

  test("what was queued, in flight and half-way through QoS 2 goes on", () => {
    const first = withSubscriber();
    const pub = first.test.connect("pub", DURABLE);
    pub.publishes("t", "released", { qos: 2, packetId: 1 }).publishes("t", "sent", { qos: 2, packetId: 2 });
    const [released, sent] = first.sub.takeAll(PacketType.PUBLISH);
    first.sub.sends({ type: PacketType.PUBREC, packetId: released!.packetId, reasonCode: 0 }).loses();
    pub.publishes("t", "queued", { qos: 1, packetId: 3 });

    const { test } = restart(first.test, first.journal);
    const sub = resume(test, "sub");
    expect(sub.connack?.sessionPresent).toBe(true);
    expect(sub.take()).toMatchObject([
      { type: PacketType.PUBREL, packetId: released!.packetId },
      { type: PacketType.PUBLISH, packetId: sent!.packetId, dup: true },
      { type: PacketType.PUBLISH, dup: false, qos: 1 },
    ]);
    // Sent again by the publisher, which saw no PUBREC: acknowledged, and not routed again.
    const again = resume(test, "pub").publishes("t", "sent", { qos: 2, packetId: 2, dup: true });
    expect(again.take()).toMatchObject([{ type: PacketType.PUBREC, packetId: 2 }]);
    expect(sub.take()).toEqual([]);
  });

  test("new messages do not get the packet identifiers of those in flight", () => {
    const first = withSubscriber();
    first.test.connect("pub").publishes("t", "1", { qos: 1 });
    const { test } = restart(first.test, first.journal);
    const sub = resume(test, "sub");
    test.connect("pub").publishes("t", "2", { qos: 1 });
    const ids = sub.takeAll(PacketType.PUBLISH).map(({ packetId }) => packetId);
    expect(new Set(ids).size).toBe(2);
  });

  test("who was connected counts as lost at the start, who was away ends at the time that was set", () => {
    const first = withSubscriber();
    first.test.connect("away", DURABLE).loses();
    first.test.advance(60_000);
    const { test } = restart(first.test, first.journal);
    test.advance(40_000);
    expect([...test.broker.sessions.keys()]).toEqual(["sub"]);
    test.advance(60_000);
    expect(test.broker.sessions.size).toBe(0);
  });

  test("the will of a session is published when its delay is over: from the start, where its client was connected", () => {
    const first = withSubscriber();
    first.test.connect("watch", DURABLE).subscribes("will", 1);
    first.test.connect("lost", { ...DURABLE, will: { ...WILL, properties: { willDelayInterval: 30 } } });
    const { test } = restart(first.test, first.journal);
    const watch = resume(test, "watch");
    test.advance(29_000);
    expect(watch.takeMessages()).toEqual([]);
    test.advance(1000);
    expect(watch.takeMessages()).toEqual(["will=gone"]);
  });

  test("shutting down leaves sessions and wills to the next start", () => {
    const { test: first, journal, sub } = withSubscriber();
    first.connect("watch", DURABLE).subscribes("will", 1);
    first.connect("lost", { ...DURABLE, will: WILL });
    const before = durableState(first.broker, first.now);
    first.broker.stopKeeping();
    first.broker.shutdown(ReasonCode.ServerShuttingDown, "bye", first.now);
    expect(sub.isClosed).toBe(true);
    const { test } = restart(first, journal);
    expect(durableState(test.broker, test.now)).toEqual(before);
    test.advance(0);
    expect(resume(test, "watch").takeMessages()).toEqual(["will=gone"]);
  });

  test("records that refer to nothing, and messages that nothing refers to, are removed", () => {
    const message: Message = {
      id: 5,
      topic: "t",
      payload: Buffer.from("1"),
      qos: 1,
      retain: false,
      properties: undefined,
      publisherId: "p",
      tokenId: undefined,
      receivedAtMs: 0,
      expiresAtMs: Infinity,
    };
    const delivery = {
      qos: 1,
      retain: false,
      subscriptionIdentifiers: undefined,
      packetId: 0,
      released: false,
    } as const;
    const records: (readonly [RecordId, JournalRecord])[] = [
      [1, { type: "message", message }],
      [2, { type: "delivery", session: 9, message: 1, ...delivery }],
      [3, { type: "received", session: 9, packetId: 1 }],
      [4, { type: "retained", message: 9 }],
    ];
    const journal = new MapJournal(records);
    new TestBroker({ journal }).broker.restore(journal.kept, 0);
    expect(journal.records.size).toBe(0);
  });
});

describe("while the journal is full", () => {
  test("PUBLISH is refused where something would be kept, and goes on elsewhere", () => {
    const { test, journal, sub } = withSubscriber();
    const pub = test.connect("pub", { ...DURABLE, properties: { sessionExpiryInterval: 100 } });
    test.connect("volatile").subscribes("free", 2);
    journal.isFull = true;
    const before = journal.changes;
    pub.publishes("t", "1", { qos: 1 }).publishes("free", "2", { qos: 2 }).publishes("free", "3", { qos: 1 });
    pub.publishes("t", "4", { qos: 1, retain: true }).publishes("t", "5");
    expect(pub.take()).toMatchObject([
      { type: PacketType.PUBACK, reasonCode: ReasonCode.QuotaExceeded },
      { type: PacketType.PUBREC, reasonCode: ReasonCode.QuotaExceeded },
      { type: PacketType.PUBACK, reasonCode: 0 },
      { type: PacketType.PUBACK, reasonCode: ReasonCode.QuotaExceeded },
    ]);
    expect(sub.takeMessages()).toEqual(["t=5"]);
    expect(journal.changes).toBe(before);
    pub.publishes("t", "6", { retain: true });
    expect(pub.take()).toMatchObject([{ type: PacketType.DISCONNECT, reasonCode: ReasonCode.QuotaExceeded }]);
  });

  test("SUBSCRIBE and CONNECT are refused where something would be kept; who has a session goes on with it", () => {
    const { test, journal, sub } = withSubscriber();
    journal.isFull = true;
    sub.subscribes("u", 1);
    expect(sub.take()).toMatchObject([{ type: PacketType.SUBACK, reasonCodes: [ReasonCode.QuotaExceeded] }]);
    expect(test.connect("new", DURABLE).connack?.reasonCode).toBe(ReasonCode.QuotaExceeded);
    expect(test.connect("new").subscribes("u", 1).take()).toMatchObject([{ reasonCodes: [1] }]);
    expect(resume(test, "sub").connack).toMatchObject({ reasonCode: 0, sessionPresent: true });
  });

  test("it goes on when there is room again", () => {
    const { test, journal, sub } = withSubscriber();
    journal.isFull = true;
    const pub = test.connect("pub").publishes("t", "1", { qos: 1 });
    journal.isFull = false;
    pub.publishes("t", "2", { qos: 1 });
    expect(sub.takeMessages()).toEqual(["t=2"]);
  });
});
