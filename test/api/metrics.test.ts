import { expect, test } from "vitest";
import type { PendingPublish, Verdict } from "../../src/broker/ports.ts";
import { Histogram } from "../../src/hooks/histogram.ts";
import type { HostedBroker } from "../../src/runtime/index.ts";
import { ACCOUNT, B, TOKEN, harness } from "./harness.ts";

type Api = ReturnType<typeof harness>;

async function metrics(api: Api, token = TOKEN): Promise<Map<string, number>> {
  const response = await api.app.request("http://localhost/metrics", { headers: { authorization: `Bearer ${token}` } });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const lines = (await response.text()).split("\n");
  expect(lines.pop()).toBe("");
  const samples = lines.filter((line) => !line.startsWith("# "));
  for (const sample of samples) {
    expect(sample).toMatch(/^[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [\d.]+$/);
    const [name] = sample.split(/[{ ]/);
    const [, base] = /^(.*)_(?:bucket|sum|count)$/.exec(name!) ?? [];
    const type = base === undefined ? `${name} (counter|gauge)` : `${base} histogram`;
    expect(lines).toContainEqual(expect.stringMatching(`^# TYPE ${type}$`));
  }
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

function durationsOf(...all: number[]): Histogram {
  const histogram = new Histogram();
  for (const ms of all) histogram.add(ms);
  return histogram;
}

/** A hook that decides as told. */
function setHook(hosted: HostedBroker, decide: (pending: PendingPublish) => Verdict): void {
  const circuit = { state: "open", forMs: 2000, failures: 6, probeInMs: 8000 } as const;
  const load = { waiting: 3, batches: 2, requests: 7, durations: durationsOf(0.4, 1, 80, 59_000, 61_000), circuit };
  hosted.setHooks({
    wants: () => true,
    submit: (pending) => hosted.completeHook(pending, decide(pending), { elapsedMs: 250, batchSize: 1 }),
    close: async () => {},
    load,
  });
}

const publish = (hosted: HostedBroker, topic: string) =>
  hosted.publish("api", [{ topic, payload: Buffer.from("x"), qos: 0, retain: true, properties: undefined }]);

test("what a broker and its hook have done", async () => {
  const api = harness();
  await api.createBroker();
  const [hosted] = api.hosted;
  const of = (name: string, labels = "") => `pubsub_${name}{namespace="ns",broker="b"${labels}}`;
  const before = await metrics(api);
  expect(before.get(of("messages_received_total"))).toBe(0);
  expect([...before.keys()].some((name) => name.includes("hook"))).toBe(false);
  expect(before.get('pubsub_info{version="1.2.3"}')).toBe(1);
  expect(before.get("pubsub_start_time_seconds")).toBe(Date.UTC(2025, 5, 1, 12) / 1000);

  setHook(hosted!, ({ message: { topic } }) =>
    topic === "lost" ? { kind: "drop", reason: "hook-timeout" } : { kind: "accept" },
  );
  for (const topic of ["a", "b", "lost"]) await publish(hosted!, topic);
  setHook(hosted!, () => ({ kind: "accept", failure: { reason: "hook-status" } }));
  await publish(hosted!, "c");
  expect(Object.fromEntries(await metrics(api))).toMatchObject({
    [of("messages_received_total")]: 4,
    [of("messages_sent_total")]: 0,
    [of("retained_messages")]: 3,
    [of("connections")]: 0,
    [of("hook_messages_total", ',verdict="passed",reason=""')]: 2,
    [of("hook_messages_total", ',verdict="passed",reason="hook-status"')]: 1,
    [of("hook_messages_total", ',verdict="dropped",reason="hook-timeout"')]: 1,
    [of("hook_message_seconds_total")]: 1,
    [of("hook_requests_total")]: 7,
    [of("hook_waiting_messages")]: 3,
    [of("hook_batches")]: 2,
    [of("hook_circuit_open")]: 1,
    [of("hook_request_duration_seconds_bucket", ',le="0.001"')]: 2,
    [of("hook_request_duration_seconds_bucket", ',le="0.05"')]: 2,
    [of("hook_request_duration_seconds_bucket", ',le="0.1"')]: 3,
    [of("hook_request_duration_seconds_bucket", ',le="60"')]: 4,
    [of("hook_request_duration_seconds_bucket", ',le="+Inf"')]: 5,
    [of("hook_request_duration_seconds_sum")]: expect.closeTo(120.0814),
    [of("hook_request_duration_seconds_count")]: 5,
  });
});

test("how the circuit breaker of its hook stands", async () => {
  const api = harness();
  await api.createBroker();
  const describe = async () => await api.call("describeHook", `GET ${B}/hook`);
  expect(await describe()).toBeNull();
  setHook(api.hosted[0]!, () => ({ kind: "accept" }));
  expect(await describe()).toEqual({
    ...{ requests: 7, batches: 2, waiting_messages: 3 },
    circuit: {
      ...{ state: "open", failures: 6 },
      since: "2025-06-01T11:59:58.000Z",
      asked_again_on: "2025-06-01T12:00:08.000Z",
    },
  });
});

test("drops are counted by reason, whether or not anybody watches", async () => {
  const api = harness();
  await api.createBroker();
  const [hosted] = api.hosted;
  setHook(hosted!, () => ({ kind: "accept" }));
  hosted!.broker.traffic.countDrop("queue-full");
  hosted!.broker.traffic.countDrop("queue-full");
  expect((await metrics(api)).get('pubsub_messages_dropped_total{namespace="ns",broker="b",reason="queue-full"}')).toBe(
    2,
  );
});

test("who has a token of one namespace sees that one only, and nothing of the server", async () => {
  const api = harness();
  await api.createBroker();
  await api.call("createNamespace", `POST /accounts/${ACCOUNT}/pubsub/namespaces`, { name: "other" });
  await api.call("createBroker", `POST /accounts/${ACCOUNT}/pubsub/namespaces/other/brokers`, { name: "b" });
  const { token } = await api.call("createApiToken", "POST /api-tokens", {
    name: "m",
    scope: "read",
    namespace: "other",
  });
  const seen = [...(await metrics(api, token)).keys()];
  expect(seen.length).toBeGreaterThan(5);
  expect(seen.filter((name) => !name.includes('namespace="other"'))).toEqual([]);
});

test("nobody without a token", async () => {
  const response = await harness().app.request("http://localhost/metrics");
  expect(response.status).toBe(401);
});
