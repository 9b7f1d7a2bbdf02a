/** Consumers of a Worker in a server that runs: workerd, a journal, and clients. */
import mqtt from "mqtt";
import { expect, onTestFinished, test } from "vitest";
import { type RunningServer, type WorkerOutput, startServer } from "../../src/app.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { project, write } from "../hooks/worker/world.ts";

const at = { namespace: "ns", broker: "b" };
const configuration = (filters: string[]) =>
  JSON.stringify({
    name: "shop",
    main: "worker.js",
    pubsub: { consumers: [{ name: "orders", filters, retry_delay: 0, max_retries: 2, dead_letter_topic: "dead" }] },
  });

/** Tells on the topic `seen` what it gets; fails where the payload says so. */
const source = `
export default {
  async subscribe(messages, env, ctx) {
    for (const message of messages) {
      const { topic, qos, attempt, contentType, correlationData, userProperties, clientId, consumer } = message;
      if (message.text() === "fail") throw new Error("out of paper");
      if (message.text() === "later" && attempt === 1) { message.retry({ delaySeconds: 0 }); continue; }
      const about = { topic, qos, attempt, contentType, consumer, clientId, data: correlationData?.length, userProperties };
      await env.BROKER.publish("seen", { text: message.text(), ...about });
    }
  },
};`;

async function start(folder: string): Promise<{ server: RunningServer; api: Client; outputs: WorkerOutput[] }> {
  const outputs: WorkerOutput[] = [];
  const onOutput = (output: WorkerOutput) => void outputs.push(output);
  const worker = { location: folder, broker: at, onOutput };
  const ports = { version: "test", port: 0, wsPort: 0, apiPort: 0 };
  const server = await startServer({ ...ports, anonymous: at, persistTo: `${folder}/data`, worker });
  onTestFinished(() => server.close());
  return { server, api: createClient({ baseUrl: server.api, apiToken: server.apiToken }), outputs };
}

async function connect(server: RunningServer, filters: string[]) {
  const client = await mqtt.connectAsync(server.mqtt, { protocolVersion: 5, clientId: "client", reconnectPeriod: 0 });
  onTestFinished(() => client.endAsync(true));
  const received: Record<string, unknown>[] = [];
  client.on("message", (topic, payload, { properties }) => {
    received.push({
      ...(topic === "seen" ? JSON.parse(payload.toString()) : { topic, ...properties?.userProperties }),
    });
  });
  for (const filter of filters) await client.subscribeAsync(filter, { qos: 1 });
  return { client, received };
}

const eventually = <T>(value: () => T) => expect.poll(value, { timeout: 20_000 });

test("messages are consumed, tried again and given up; none is lost while the server is down or the Worker changes", async () => {
  const folder = project({ "wrangler.json": configuration(["orders/#"]), "worker.js": source });
  const first = await start(folder);
  await first.api.createNamespace({ name: "ns" });
  await first.api.createBroker({ namespace: "ns", name: "b" });
  await first.server.worker;
  const { client, received } = await connect(first.server, ["seen", "dead"]);
  const properties = { contentType: "a/b", correlationData: Buffer.of(1, 2), userProperties: { k: "v" } };
  await client.publishAsync("orders/1", "x", { qos: 1, properties });
  await eventually(() => received).toEqual([
    {
      ...{ text: "x", topic: "orders/1", qos: 1, attempt: 1, consumer: "orders", clientId: "client" },
      ...{ contentType: "a/b", data: 2, userProperties: [["k", "v"]] },
    },
  ]);
  received.length = 0;
  await client.publishAsync("orders/2", "later", { qos: 1 });
  await client.publishAsync("orders/3", "now", { qos: 0 });
  await eventually(() =>
    received.map(({ text, attempt, qos }) => `${String(text)} ${String(attempt)} ${String(qos)}`).sort(),
  ).toEqual(["later 2 1", "now 1 0"]);
  received.length = 0;
  await client.publishAsync("orders/4", "fail", { qos: 1 });
  await eventually(() => received).toEqual([
    {
      topic: "dead",
      "dead-letter-topic": "orders/4",
      "dead-letter-consumer": "shop/orders",
      "dead-letter-reason": "out of paper",
    },
  ]);
  const sessions = await first.api.listSessions(at);
  expect(sessions.sessions.find(({ clientId }) => clientId === "$worker/shop/orders")).toMatchObject({
    connected: true,
    connection: { transport: "internal" },
    ...{ subscriptions: 1, queuedMessages: 0, inflightMessages: 0 },
  });
  // Nobody takes its place.
  const thief = mqtt.connectAsync(first.server.mqtt, { clientId: "$worker/shop/orders", reconnectPeriod: 0 });
  await expect(thief).rejects.toThrow(/Identifier rejected|Not authorized|Client Identifier/i);
  await first.api.kickSession({ ...at, client: "$worker/shop/orders" });

  // Without a handler that takes them, and over a restart, they wait.
  write(folder, "worker.js", "export default { fetch: () => new Response() };");
  await eventually(() => first.outputs.map(({ text }) => text).join()).toContain("needs a handler subscribe");
  await client.publishAsync("orders/5", "waited", { qos: 1 });
  await client.endAsync();
  await first.server.close();
  write(folder, "worker.js", source);
  const second = await start(folder);
  const again = await connect(second.server, ["seen"]);
  await second.server.worker;
  await eventually(() => again.received.map(({ text }) => text)).toEqual(["waited"]);
  again.received.length = 0;

  // Other filters, the same session.
  write(folder, "wrangler.json", configuration(["invoices/+"]));
  await eventually(() => second.outputs.some(({ kind }) => kind === "reload")).toBe(true);
  await again.client.publishAsync("orders/6", "not any more", { qos: 1 });
  await again.client.publishAsync("invoices/1", "this", { qos: 1 });
  await eventually(() => again.received.map(({ text }) => text)).toEqual(["this"]);
}, 60_000);
