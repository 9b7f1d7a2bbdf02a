import { afterEach, expect, test, vi } from "vitest";
import type { BrokerEvent, Observer } from "../../src/broker/index.ts";
import { EventFeed, type FeedEvent } from "../../src/runtime/index.ts";
import { message } from "../api/messages.ts";

afterEach(() => {
  vi.useRealTimers();
});

function world() {
  const broker: { observer: Observer | undefined } = { observer: undefined };
  const feed = new EventFeed((observer) => {
    broker.observer = observer;
  });
  const emit = (event: BrokerEvent, atMs = 0) => broker.observer?.(event, atMs);
  const refuse = (reason: string, atMs = 0) => emit({ type: "refuse", clientId: "c", reasonCode: 0x87, reason }, atMs);
  const reasons = (events: readonly FeedEvent[]) =>
    events.map(({ event }) => (event.type === "refuse" ? event.reason : event.type));
  return { broker, feed, emit, refuse, reasons };
}

test("without watchers nobody observes; a minute after the last one has left, nobody does either", () => {
  vi.useFakeTimers();
  const { broker, feed, refuse, reasons } = world();
  expect(broker.observer).toBeUndefined();
  const seen: string[] = [];
  const first = feed.watch(({ event }) => seen.push(event.type), 0);
  const second = feed.watch(() => {}, 0);
  refuse("1");
  first();
  first();
  refuse("2");
  expect(seen).toEqual(["refuse"]);
  second();
  vi.advanceTimersByTime(59_000);
  refuse("3");
  const { run } = feed;
  // Who comes back in time finds everything.
  const third = feed.watch(() => {}, 0);
  expect(reasons(feed.after(run, 1).events)).toEqual(["2", "3"]);
  third();
  vi.advanceTimersByTime(60_000);
  expect(broker.observer).toBeUndefined();
  expect(vi.getTimerCount()).toBe(0);
  feed.watch(() => {}, 0);
  expect(feed.run).not.toBe(run);
  expect(feed.after(run, 3)).toEqual({ events: [], missing: undefined });
});

test("what follows an event, and how much of it is missing", () => {
  const { feed, refuse, reasons } = world();
  feed.watch(() => {}, 0);
  for (let i = 1; i <= 10_005; i++) refuse(String(i), i);
  expect(feed.lastId).toBe(10_005);
  const { events, missing } = feed.after(feed.run, 10_003);
  expect([reasons(events), missing]).toEqual([["10004", "10005"], 0]);
  expect(feed.after(feed.run, 10_005)).toEqual({ events: [], missing: 0 });
  // Never given.
  expect(feed.after(feed.run, 10_006)).toEqual({ events: [], missing: undefined });
  expect(feed.after(feed.run, 5)).toMatchObject({ missing: 0, events: { length: 10_000 } });
  expect(feed.after(feed.run, 2)).toMatchObject({ missing: 3, events: { length: 10_000 } });

  expect(feed.since(10_000)).toMatchObject({ missing: 0, events: { length: 6 } });
  expect(feed.since(6)).toMatchObject({ missing: 0, events: { length: 10_000 } });
  expect(feed.since(5)).toMatchObject({ missing: undefined, events: { length: 10_000 } });
});

test("what happened before anybody watched is not known", () => {
  const { feed } = world();
  feed.watch(() => {}, 1000);
  expect(feed.since(999)).toEqual({ events: [], missing: undefined });
  expect(feed.since(1000)).toEqual({ events: [], missing: 0 });
});

test("bytes are bounded, whatever an event is made of", () => {
  const big = "x".repeat(1024 * 1024);
  const payload = Buffer.alloc(1024 * 1024);
  const report = { elapsedMs: 1, batchSize: 1 };
  const hook = { type: "hook", message: message(), report } as const;
  const large: BrokerEvent[] = [
    { type: "publish", message: message({ payload }) },
    { type: "publish", message: message({ properties: { userProperties: [["k", big]] } }) },
    { type: "publish", message: message({ properties: { correlationData: payload } }) },
    { ...hook, verdict: { kind: "replace", payload, properties: undefined } },
    { type: "refuse", clientId: big, reasonCode: 0x87, reason: "" },
    { type: "refuse", clientId: "c", reasonCode: 0x87, reason: big },
    { type: "subscribe", clientId: "c", topicFilter: big, reasonCode: 0 },
    { type: "deliver", message: message({ topic: big }), clientId: "c", qos: 0 },
  ];
  for (const event of large) {
    const { feed, emit } = world();
    feed.watch(() => {}, 0);
    for (let i = 0; i < 100; i++) emit(event);
    expect(feed.after(feed.run, 0)).toMatchObject({ missing: 93, events: { length: 7 } });
  }
  // Larger than all that is kept: nothing is left, and that is said.
  const { feed, emit } = world();
  feed.watch(() => {}, 0);
  emit({ type: "publish", message: message({ payload: Buffer.alloc(9 * 1024 * 1024) }) });
  expect(feed.after(feed.run, 0)).toEqual({ events: [], missing: 1 });
});

test("payloads are not kept from being freed", () => {
  const { feed, emit } = world();
  const seen: FeedEvent[] = [];
  feed.watch((event) => seen.push(event), 0);
  const chunk = Buffer.alloc(65_536);
  const published = message({ payload: chunk.subarray(100, 105) });
  emit({ type: "publish", message: published });
  emit({ type: "deliver", message: published, clientId: "c", qos: 0 });
  const [publish, deliver] = seen.map(({ event }) => ("message" in event ? event.message.payload : undefined));
  expect(publish!.buffer.byteLength).toBe(5);
  expect(deliver).toHaveLength(0);
});

test("64 may watch at the same time", () => {
  const { feed } = world();
  const stops = Array.from({ length: 64 }, () => feed.watch(() => {}, 0));
  expect(feed.isFull).toBe(true);
  stops[0]!();
  expect(feed.isFull).toBe(false);
});
