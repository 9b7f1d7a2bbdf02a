import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BrokerEvent } from "../../src/broker/ports.ts";
import { eventSchema } from "../../src/contract/events.ts";
import type { TailEvent } from "../../src/contract/types.ts";
import { type ServerSentEvent, SseParser } from "../../src/client/sse-parser.ts";
import { B, N, harness } from "./harness.ts";
import { message } from "./messages.ts";

let api: ReturnType<typeof harness>;
const readers: ReadableStreamDefaultReader<Uint8Array>[] = [];

beforeEach(async () => {
  api = harness();
  await api.createBroker();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const reader of readers.splice(0)) await reader.cancel();
  expect(api.watchers()).toBe(0);
});

async function watch(query = "", headers: Record<string, string> = {}) {
  const response = await api.request(`GET ${B}/events${query}`, undefined, headers);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reader = response.body!.getReader();
  readers.push(reader);
  const decoder = new TextDecoder();
  const parser = new SseParser();
  /** The next piece of text; undefined at the end. */
  const text = async () => {
    const { value } = await reader.read();
    return value && decoder.decode(value);
  };
  /** What comes with the next piece of text. */
  const events = async (): Promise<(ServerSentEvent & { json: TailEvent })[]> =>
    parser.push((await text()) ?? "").map((event, index) => {
      const json = JSON.parse(event.data) as TailEvent;
      // Some of each piece are enough.
      if (index < 10) expect(eventSchema.parse(json)).toEqual(json);
      return { ...event, json };
    });
  /** So many events. */
  const take = async (count: number) => {
    const taken: Awaited<ReturnType<typeof events>> = [];
    while (taken.length < count) taken.push(...(await events()));
    expect(taken).toHaveLength(count);
    return taken;
  };
  const head = await text();
  expect(head).toMatch(/^: watching\nid: [0-9a-f]{12}-\d+\n\n/);
  return { reader, head, text, events, take };
}

const publish = (id: number, topic = "a/b"): BrokerEvent => ({ type: "publish", message: message({ id, topic }) });
const connect: BrokerEvent = {
  type: "connect",
  clientId: "sensor",
  protocolVersion: 5,
  cleanStart: true,
  sessionPresent: false,
  keepAlive: 60,
};

test("each event is one JSON document with an id", async () => {
  const { text, events } = await watch();
  const { run } = api.hosted[0]!.events;
  api.emit(connect);
  const first = (await text())!;
  expect(first.slice(0, first.indexOf("\n"))).toBe(`id: ${run}-1`);
  expect(first).toMatch(/\ndata: \{"v":1,"event":"connect","time":"2025-06-01T12:00:00.000Z",.*\}\n\n$/);
  api.emit(publish(1));
  api.emit(publish(2));
  expect((await events()).map(({ id, event, json }) => [id, event, json.event])).toEqual([
    [`${run}-2`, "message", "publish"],
    [`${run}-3`, "message", "publish"],
  ]);
});

test("line breaks in payloads stay within one line", async () => {
  const { events } = await watch();
  const payload = "a\nb\r\n\ndata: x\n\n";
  api.emit({ type: "publish", message: message({ payload: Buffer.from(payload) }) });
  expect((await events())[0]!.json).toMatchObject({ payload });
});

test("payloads are as long as is wanted", async () => {
  const payload = Buffer.alloc(1024 * 1024, "\u0001");
  const whole = await watch("?payload_bytes_max=1048576");
  const none = await watch("?payload_bytes_max=0");
  api.emit({ type: "publish", message: message({ payload }) });
  const changed = { kind: "replace", payload: payload.subarray(1), properties: undefined } as const;
  api.emit({ type: "hook", message: message({ payload }), verdict: changed, report: { elapsedMs: 1, batchSize: 1 } });
  const [published, decided] = (await whole.take(2)).map(({ json }) => json as Record<string, unknown>);
  expect(published!["payload"] === payload.toString()).toBe(true);
  expect((decided!["after"] as Record<string, unknown>)["payload"] === payload.toString("utf8", 1)).toBe(true);
  expect(published).not.toHaveProperty("payloadTruncated");
  expect((await none.take(2))[0]!.json).toMatchObject({ payload: "", payloadBytes: 1_048_576, payloadTruncated: true });
});

describe("filters", () => {
  const hook = (kind: "accept" | "drop"): BrokerEvent => ({
    type: "hook",
    message: message(),
    verdict: kind === "drop" ? { kind, reason: "hook-dropped" } : { kind },
    report: { elapsedMs: 1, batchSize: 1 },
  });
  const all: [name: string, event: BrokerEvent][] = [
    ["connect", connect],
    ["other-connect", { ...connect, clientId: "other" }],
    ["publish", publish(1)],
    ["publish-system", publish(2, "$SYS/x")],
    ["hook-passed", hook("accept")],
    ["hook-dropped", hook("drop")],
    ["deliver", { type: "deliver", message: message(), clientId: "reader", qos: 0 }],
    ["drop", { type: "drop", message: message({ publisherId: "other", topic: "c" }), reason: "queue-full" }],
    ["subscribe", { type: "subscribe", clientId: "reader", topicFilter: "a/+", reasonCode: 0 }],
    ["subscribe-all", { type: "subscribe", clientId: "reader", topicFilter: "#", reasonCode: 0 }],
  ];
  const names = all.map(([name]) => name);
  const hooks = ["hook-passed", "hook-dropped"];
  const onAB = ["publish", ...hooks, "deliver"];

  test.each<[query: string, expected: string[]]>([
    ["", names],
    ["?event=connect", ["connect", "other-connect"]],
    ["?event=connect,drop&event=hook", ["connect", "other-connect", ...hooks, "drop"]],
    ["?topic=a/b", onAB],
    ["?topic=a/%23", [...onAB, "subscribe"]],
    ["?topic=a/b&topic=c", [...onAB, "drop"]],
    ["?topic=%23", [...onAB, "drop", "subscribe", "subscribe-all"]],
    ["?topic=$SYS/%23", ["publish-system"]],
    ["?client=reader", ["deliver", "subscribe", "subscribe-all"]],
    ["?client=sensor", ["connect", "publish", "publish-system", ...hooks, "deliver"]],
    ["?client=nobody&client=other", ["other-connect", "drop"]],
    ["?verdict=dropped", ["hook-dropped"]],
    ["?verdict=passed,dropped", hooks],
    ["?verdict=modified,rejected", []],
    ["?event=publish&verdict=passed", []],
    ["?event=publish,deliver&topic=a/b&client=reader", ["deliver"]],
  ])("%s", async (query, expected) => {
    const { events } = await watch(query);
    for (const [, event] of all) api.emit(event);
    // So that there is something to read even where no event passes.
    await api.call("deleteBroker", `DELETE ${B}`);
    const got = (await events()).map(({ json }) => json.event);
    const wanted = all.filter(([name]) => expected.includes(name)).map(([, event]) => event.type);
    expect(got).toEqual(wanted);
  });

  const publishes = (query: string, count: number) => async () => {
    const { events } = await watch(query);
    for (let id = 1; id <= count; id++) {
      api.emit({ type: "publish", message: message({ id, payload: Buffer.from(`number ${id}`) }) });
      api.emit({ type: "deliver", message: message({ id }), clientId: "reader", qos: 0 });
    }
    await api.call("deleteBroker", `DELETE ${B}`);
    const found: string[] = [];
    for (let some = await events(); some.length > 0; some = await events()) {
      found.push(...some.map(({ json }) => `${json.event} ${"mid" in json ? json.mid : ""}`));
    }
    return found;
  };

  test("a sampling rate: its share of the messages, with all of their events", async () => {
    const found = await publishes("?sampling_rate=0.25", 400)();
    expect(found.length).toBeGreaterThan(180);
    expect(found.length).toBeLessThan(220);
    expect(
      found.filter((line) => line.startsWith("publish")).map((line) => line.replace("publish", "deliver")),
    ).toEqual(found.filter((line) => line.startsWith("deliver")));
  });

  test.each([
    ["?sampling_rate=0", 0],
    ["?sampling_rate=1", 40],
  ])("%s", async (query, length) => {
    expect(await publishes(query, 20)()).toHaveLength(length);
  });

  test("a text in the payload", async () => {
    expect(await publishes("?search=number%207", 20)()).toEqual(["publish 7"]);
  });

  test.each<[text: string, expected: string[]]>([
    ["sensor", ["publish", "hook", "hook", "disconnect"]],
    ["b/ü", ["publish"]],
    ["x/json", ["publish"]],
    ["secret", ["hook"]],
    ["hook-dropped", ["hook"]],
    ["ECONN", ["hook"]],
    ["power", ["disconnect"]],
    ["my/+", ["subscribe"]],
    ["nowhere", []],
  ])("the text %s, wherever it is", async (text, expected) => {
    const { events } = await watch(`?search=${encodeURIComponent(text)}`);
    const report = { elapsedMs: 1, batchSize: 1 };
    api.emit({ type: "publish", message: message({ topic: "b/ü", properties: { contentType: "x/json" } }) });
    api.emit({
      type: "hook",
      message: message(),
      verdict: { kind: "replace", payload: Buffer.from("a secret"), properties: undefined },
      report,
    });
    api.emit({
      type: "hook",
      message: message(),
      verdict: { kind: "drop", reason: "hook-dropped", detail: "ECONNREFUSED" },
      report,
    });
    api.emit({ type: "disconnect", clientId: "sensor", reasonCode: 0, reason: "power lost", by: "client" });
    api.emit({ type: "subscribe", clientId: "c", topicFilter: "my/+", reasonCode: 0 });
    await api.call("deleteBroker", `DELETE ${B}`);
    expect((await events()).map(({ json }) => json.event)).toEqual(expected);
  });

  test.each([
    "topic=",
    "topic=a%23",
    "event=lost",
    "event=nonsense",
    "verdict=ok",
    "search=",
    "sampling_rate=2",
    "sampling_rate=-1",
    "sampling_rate=x",
    "since=yesterday",
    "payload_bytes_max=1048577",
    "payload_bytes_max=-1",
  ])("not %s", async (query) => {
    await api.refused("invalid-request", `GET ${B}/events?${query}`);
  });
});

test("a slow reader loses events, and is told how many and where", async () => {
  const { take } = await watch();
  for (let i = 0; i < 10_300; i++) api.emit(publish(i));
  const first = await take(10_001);
  expect(first.at(-2)!.json).toMatchObject({ event: "publish", mid: 9_999 });
  expect(first.at(-1)).toMatchObject({
    event: "lost",
    id: expect.stringMatching(/-10300$/),
    json: {
      v: 1,
      event: "lost",
      namespace: "ns",
      broker: "b",
      time: expect.any(String),
      reason: "slow-reader",
      count: 300,
    },
  });
  api.emit(publish(20_000));
  expect((await take(1)).map(({ json }) => json)).toMatchObject([{ event: "publish", mid: 20_000 }]);
});

test("a reader that is slow for a while only loses nothing", async () => {
  const { events } = await watch();
  const mids: number[] = [];
  for (let i = 0; i < 12_000; i++) {
    api.emit(publish(i));
    // Reads more than comes, but never to the end.
    if (i > 2_000 && i % 100 === 0)
      for (const { json } of await events()) if (json.event === "publish") mids.push(json.mid);
  }
  while (mids.length < 12_000) for (const { json } of await events()) if (json.event === "publish") mids.push(json.mid);
  expect(mids).toEqual(Array.from({ length: 12_000 }, (_, i) => i));
});

test("large events are bounded too", async () => {
  const { events } = await watch();
  const payload = Buffer.alloc(1024 * 1024, "x");
  for (let id = 0; id < 1000; id++) api.emit({ type: "publish", message: message({ id, payload }) });
  const got: TailEvent[] = [];
  while (got.at(-1)?.event !== "lost") got.push(...(await events()).map(({ json }) => json));
  expect(got.length).toBeLessThan(200);
  expect(got.at(-1)).toMatchObject({ event: "lost", count: 1000 - (got.length - 1) });
});

test("silence is broken every 15 s", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { text } = await watch();
  vi.advanceTimersByTime(15_000);
  expect(await text()).toMatch(/^: alive\nid: [0-9a-f]+-0\n\n$/);
  // Those that nobody read do not pile up.
  vi.advanceTimersByTime(150_000);
  expect(await text()).toMatch(/^: alive\nid: [0-9a-f]+-0\n\n$/);
});

test("a reader that leaves is forgotten", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { reader } = await watch();
  expect(api.watchers()).toBe(1);
  await reader.cancel();
  expect(api.watchers()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test("the stream ends with its broker", async () => {
  const { events, text } = await watch();
  api.emit(publish(1));
  await api.call("createBroker", `POST ${N}/ns/brokers`, { name: "other" });
  await api.call("deleteBroker", `DELETE ${N}/ns/brokers/other`);
  const waiting = (async () => [await events(), await text()])();
  await api.call("deleteBroker", `DELETE ${B}`);
  const [last, end] = await waiting;
  expect(last).toHaveLength(1);
  expect(end).toBeUndefined();
  expect(api.watchers()).toBe(0);
});

describe("those who come back", () => {
  const lastId = (events: readonly ServerSentEvent[]) => ({ "last-event-id": events.at(-1)!.id });
  const mids = (events: readonly { json: TailEvent }[]) =>
    events.map(({ json }) => ("mid" in json ? json.mid : json.event));

  test("get what they missed, then what happens", async () => {
    const first = await watch("?event=publish");
    api.emit(publish(1));
    const seen = await first.take(1);
    await first.reader.cancel();
    api.emit(publish(2));
    api.emit(connect);
    api.emit(publish(3));
    const second = await watch("?event=publish", lastId(seen));
    api.emit(publish(4));
    const rest = await second.take(3);
    expect(mids(rest)).toEqual([2, 3, 4]);
    expect(rest.map(({ event }) => event)).not.toContain("lost");
  });

  test("know where they stand before anything has happened", async () => {
    const { head, reader } = await watch();
    const [, id] = /^id: (.*)$/m.exec(head)!;
    await reader.cancel();
    api.emit(publish(1));
    const { take } = await watch("", { "last-event-id": id! });
    expect(mids(await take(1))).toEqual([1]);
  });

  test("a second time in the middle of the past", async () => {
    const { head, reader } = await watch();
    for (let i = 1; i <= 1000; i++) api.emit(publish(i));
    await reader.cancel();
    const [, id] = /^id: (.*)$/m.exec(head)!;
    const second = await watch("", { "last-event-id": id! });
    expect(second.head).toContain(`id: ${id}\n`);
    const some = await second.events();
    await second.reader.cancel();
    const third = await watch("", lastId(some));
    expect(mids([...some, ...(await third.take(1000 - some.length))])).toEqual(
      Array.from({ length: 1000 }, (_, i) => i + 1),
    );
  });

  test("too late are told how much is missing", async () => {
    const first = await watch();
    api.emit(publish(1));
    const seen = await first.take(1);
    await first.reader.cancel();
    for (let i = 2; i <= 10_011; i++) api.emit(publish(i));
    const { head, take } = await watch("", lastId(seen));
    expect(head).toMatch(/\n\nevent: lost\ndata: \{.*"reason":"not-kept","count":10\}\n\n$/);
    const got = await take(10_000);
    expect(mids(got).slice(0, 1)).toEqual([12]);
  });

  test.each(["nonsense", "0123456789ab-7", "-1", "x".repeat(10_000)])(
    "from another run of the server are told that something is missing: %s",
    async (id) => {
      const { head } = await watch("", { "last-event-id": id });
      const [, data] = /^data: (.*)$/m.exec(head)!;
      const lost: unknown = JSON.parse(data!);
      expect(eventSchema.parse(lost)).toEqual(lost);
      expect(lost).toMatchObject({ event: "lost", reason: "not-kept" });
      expect(lost).not.toHaveProperty("count");
    },
  );

  test("and those who want to see what was before, as far as it is known", async () => {
    const at = (seconds: number) => encodeURIComponent(new Date(api.clock.nowMs + seconds * 1000).toISOString());
    await watch();
    api.emit(publish(1));
    api.clock.nowMs += 10_000;
    api.emit(publish(2));
    const recent = await watch(`?since=${at(-5)}`);
    expect(recent.head).not.toContain("lost");
    expect(mids(await recent.take(1))).toEqual([2]);
    const all = await watch(`?since=${at(-60)}&event=publish`);
    expect(all.head).toContain('"reason":"not-kept"');
    expect(mids(await all.take(2))).toEqual([1, 2]);
  });
});

test("64 streams of a broker, and no more", async () => {
  for (let i = 0; i < 64; i++) await watch();
  await api.refused("too-many-watchers", `GET ${B}/events`);
  await readers.pop()!.cancel();
  await watch();
});
