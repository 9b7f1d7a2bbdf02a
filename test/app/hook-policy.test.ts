/** What the settings of a hook do in a running server. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startServer } from "../../src/app.ts";
import { createClient } from "../../src/client/index.ts";
import type { TailEvent } from "../../src/contract/types.ts";

test("circuit breaker, dead letters, topics and another policy, as set through the API", async () => {
  let asked = 0;
  let isBroken = true;
  const hook = createServer((request, response) => {
    asked++;
    response.statusCode = isBroken ? 500 : 200;
    request.pipe(response);
  }).listen(0, "127.0.0.1");
  await once(hook, "listening");
  onTestFinished(() => void hook.close());
  const logged: string[] = [];
  const log = (line: string) => void logged.push(line);
  const server = await startServer({ version: "test", port: 0, wsPort: 0, apiPort: 0, log });
  onTestFinished(() => server.close());
  const api = createClient({ baseUrl: server.api, apiToken: server.apiToken });
  const at = { namespace: "local", broker: "dev" };
  await api.createNamespace({ name: "local" });
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  await api.createBroker({
    namespace: "local",
    name: "dev",
    on_publish: { url, topics: ["a/#"], circuit_breaker: { failures: 2, open_ms: 60_000 }, dead_letter_topic: "lost" },
  });
  const watching = new AbortController();
  const events: TailEvent[] = [];
  const stream = await api.events(at, watching.signal);
  const seen = (async () => {
    for await (const event of stream) {
      events.push(event);
      if (event.event === "publish" && event.topic === "end") return;
    }
  })();
  const publish = async (topic: string) =>
    (await api.publishMessages({ ...at, messages: [{ topic, payload: "x" }] })).outcomes[0]!.reasonCode;

  await publish("b");
  expect(asked).toBe(0);
  for (let count = 0; count < 3; count++) await publish("a/1");
  expect(asked).toBe(2);
  await api.updateBroker({ ...at, on_publish: { on_failure: "reject", reject_reason_code: 0x97 } });
  expect(await publish("a/2")).toBe(0x97);
  expect(asked).toBe(2);
  isBroken = false;
  // Another breaker begins closed.
  await api.updateBroker({ ...at, on_publish: { circuit_breaker: null } });
  expect(await publish("a/3")).toBeLessThan(0x80);
  expect(asked).toBe(3);
  await publish("end");
  await seen;
  watching.abort();

  const told = events.flatMap((event): unknown[] => {
    if (event.event === "hook") return [[event.topic, event.verdict, event.reason]];
    if (event.event === "hook-circuit") return [event.state];
    return event.event === "publish" && event.topic === "lost" ? ["lost"] : [];
  });
  expect(told).toEqual([
    ["a/1", "dropped", "hook-status"],
    "lost",
    "opened",
    ["a/1", "dropped", "hook-status"],
    "lost",
    ["a/1", "dropped", "hook-circuit-open"],
    "lost",
    ["a/2", "rejected", "hook-circuit-open"],
    "closed",
    ["a/3", "passed", undefined],
  ]);
  expect(logged).toContain(
    "the circuit to the hook of dev.local.localhost is opened: the hook failed 2 times in a row, at last with hook-status",
  );
  const metrics = await fetch(server.api.replace("/client/v4", "/metrics"), {
    headers: { authorization: `Bearer ${server.apiToken}` },
  });
  const text = await metrics.text();
  expect(text).toContain(
    'pubsub_hook_messages_total{namespace="local",broker="dev",verdict="dropped",reason="hook-status"} 2\n',
  );
  expect(text).toContain('pubsub_hook_requests_total{namespace="local",broker="dev"} 3\n');
});
