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
  expect(api.observers.size).toBe(0);
});

async function watch(query = "") {
  const response = await api.request(`GET ${B}/events${query}`);
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
  const events = async (): Promise<(ServerSentEvent & { json: TailEvent })[]> =>
    parser.push((await text()) ?? "").map((event) => {
      const json = JSON.parse(event.data) as TailEvent;
      expect(eventSchema.parse(json)).toEqual(json);
      return { ...event, json };
    });
  expect(await text()).toBe(": watching\n\n");
  return { reader, text, events };
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
  expect([...api.observers.values()]).toEqual([api.catalogue.brokers()[0]!.id]);
  api.emit(connect);
  expect(await text()).toMatch(/^id: 1\ndata: \{"v":1,"event":"connect","time":"2025-06-01T12:00:00.000Z",.*\}\n\n$/);
  api.emit(publish(1));
  api.emit(publish(2));
  expect((await events()).map(({ id, event, json }) => [id, event, json.event])).toEqual([
    ["2", "message", "publish"],
    ["3", "message", "publish"],
  ]);
});

test("line breaks in payloads stay within one line", async () => {
  const { events } = await watch();
  const payload = "a\nb\r\n\ndata: x\n\n";
  api.emit({ type: "publish", message: message({ payload: Buffer.from(payload) }) });
  expect((await events())[0]!.json).toMatchObject({ payload });
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

  test.each(["topic=", "topic=a%23", "event=lost", "event=nonsense", "verdict=ok"])("not %s", async (query) => {
    await api.refused("invalid-request", `GET ${B}/events?${query}`);
  });
});

test("a slow reader loses events, and is told how many and where", async () => {
  const { events } = await watch();
  for (let i = 0; i < 10_300; i++) api.emit(publish(i));
  const first = await events();
  expect(first).toHaveLength(10_001);
  expect(first.at(-2)!.json).toMatchObject({ event: "publish", mid: 9_999 });
  expect(first.at(-1)).toMatchObject({
    event: "lost",
    json: { v: 1, event: "lost", namespace: "ns", broker: "b", time: expect.any(String), count: 300 },
  });
  api.emit(publish(20_000));
  expect((await events()).map(({ json }) => json)).toMatchObject([{ event: "publish", mid: 20_000 }]);
});

test("large events are bounded too", async () => {
  const { events } = await watch();
  const payload = Buffer.alloc(1024 * 1024, "x");
  for (let id = 0; id < 1000; id++) api.emit({ type: "publish", message: message({ id, payload }) });
  const got = await events();
  expect(got.length).toBeLessThan(200);
  expect(got.at(-1)!.json).toMatchObject({ event: "lost", count: 1000 - (got.length - 1) });
});

test("silence is broken every 15 s", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { text } = await watch();
  vi.advanceTimersByTime(15_000);
  expect(await text()).toBe(": alive\n\n");
  // Those that nobody read do not pile up.
  vi.advanceTimersByTime(150_000);
  expect(await text()).toBe(": alive\n\n");
});

test("a reader that leaves is forgotten", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { reader } = await watch();
  expect(api.observers.size).toBe(1);
  await reader.cancel();
  expect(api.observers.size).toBe(0);
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
  expect(api.observers.size).toBe(0);
});
