/** Publishing through the API, into a server that runs. */
import { connectAsync } from "mqtt";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { type RunningServer, startServer } from "../../src/app.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { operations } from "../../src/contract/operations.ts";

const at = { namespace: "ns", broker: "b" };
let server: RunningServer;
let api: Client;

beforeAll(async () => {
  server = await startServer({ version: "test", port: 0, wsPort: 0, apiPort: 0, anonymous: at });
  api = createClient({ baseUrl: server.api, apiToken: server.apiToken });
  await api.createNamespace({ name: "ns" });
  await api.createBroker({ namespace: "ns", name: "b", limits: { topicLevelsMax: 2 } });
  return () => server.close();
});

test("several messages arrive in their order, as bytes and with properties; each has its outcome", async () => {
  const client = await connectAsync(server.mqtt, { protocolVersion: 5, reconnectPeriod: 0 });
  onTestFinished(() => client.endAsync(true));
  await client.subscribeAsync("#", { qos: 1 });
  const received: unknown[] = [];
  const both = new Promise<void>((resolve) => {
    client.on("message", (topic, payload, { qos, properties }) => {
      if (received.push({ topic, payload: payload.toString("hex"), qos, properties }) === 2) resolve();
    });
  });
  const properties = { contentType: "a/b", correlationData: "/w==", userProperties: [["k", "v"] as [string, string]] };
  const result = await api.publishMessages({
    ...at,
    messages: [
      { topic: "one", payload: "ü", qos: 2, properties },
      { topic: "much/too/deep" },
      { topic: "two", payload: "/wA=", payloadEncoding: "base64", properties: { userProperties: [] } },
    ],
  });
  expect(operations.publishMessages.result.parse(result)).toEqual({
    accepted: 2,
    outcomes: [
      { reasonCode: 0, reason: "Success" },
      { reasonCode: 0x90, reason: expect.stringContaining("too deep") },
      { reasonCode: 0, reason: "Success" },
    ],
  });
  await both;
  expect(received).toEqual([
    {
      topic: "one",
      payload: "c3bc",
      qos: 1,
      properties: { contentType: "a/b", correlationData: Buffer.of(0xff), userProperties: { k: "v" } },
    },
    { topic: "two", payload: "ff00", qos: 1, properties: undefined },
  ]);
});

test.each([
  [{ topic: "a/+" }, "messages.0.topic: must be a topic name, without + and #"],
  [{ topic: "a", payload: "§", payloadEncoding: "base64" as const }, "messages.0.payload: must be base64"],
  [{ topic: "a", properties: { correlationData: "§" } }, "messages.0.properties.correlationData"],
])("%o is an invalid request", async (message, text) => {
  await expect(api.publishMessages({ ...at, messages: [message] })).rejects.toThrow(text);
});
