/** Sessions, retained messages and the server's log, of a server that runs. */
import { type IClientOptions, type MqttClient, connectAsync } from "mqtt";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type RunningServer, startServer } from "../../src/app.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { operations } from "../../src/contract/operations.ts";

const at = { namespace: "ns", broker: "b" };
let server: RunningServer;
let api: Client;
let logged: string[];

beforeEach(async () => {
  logged = [];
  const log = (line: string) => logged.push(line);
  server = await startServer({ version: "test", port: 0, wsPort: 0, apiPort: 0, anonymous: at, log });
  api = createClient({ baseUrl: server.api, apiToken: server.apiToken });
  await api.createNamespace({ name: "ns" });
  await api.createBroker({ namespace: "ns", name: "b" });
  return () => server.close();
});

async function open(clientId: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await connectAsync(server.mqtt, { protocolVersion: 5, clientId, reconnectPeriod: 0, ...options });
  onTestFinished(() => client.endAsync(true));
  return client;
}

const staying = { clean: false, properties: { sessionExpiryInterval: 3600 } };

describe("retained messages", () => {
  const topics = ["a", "a/b", "a/b/c", "b", "$x/y", "ü/🙂"];
  const ordered = ["a", "a/b", "a/b/c", "b", "ü/🙂"];
  beforeEach(async () => {
    const client = await open("sensor");
    for (const topic of topics) await client.publishAsync(topic, `on ${topic}`, { qos: 1, retain: true });
  });
  const list = async (query: object = {}) => (await api.listRetained({ ...at, ...query })).messages;
  const names = async (query: object = {}) => (await list(query)).map(({ topic }) => topic);

  test("are listed by topic", async () => {
    expect(await names()).toEqual(ordered);
    expect(await names({ topic: "a/#" })).toEqual(["a", "a/b", "a/b/c"]);
    expect(await names({ topic: "+" })).toEqual(["a", "b"]);
    expect(await names({ topic: "$x/#" })).toEqual(["$x/y"]);
    expect((await list({ topic: "a" }))[0]).toEqual({
      topic: "a",
      qos: 1,
      publisher: "sensor",
      received_on: expect.stringMatching(/Z$/),
      payload: "on a",
      payloadEncoding: "utf8",
      payloadBytes: 4,
    });
    const answer = await api.listRetained(at);
    expect(operations.listRetained.result.parse(answer)).toEqual(answer);
  });

  test("are listed in pages", async () => {
    const found: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await api.listRetained({ ...at, limit: 2, ...(cursor !== undefined && { cursor }) });
      found.push(...page.messages.map(({ topic }) => topic));
      cursor = page.cursor;
      pages++;
    } while (cursor !== undefined);
    expect(found).toEqual(ordered);
    expect(pages).toBe(3);
  });

  test("are whole, bytes as base64, where one is asked for", async () => {
    const client = await open("other");
    const payload = Buffer.alloc(100_000, 0xff);
    const properties = { contentType: "x/y", messageExpiryInterval: 3600 };
    await client.publishAsync("big", payload, { qos: 1, retain: true, properties });
    const message = await api.getRetained({ ...at, topic: "big" });
    expect(operations.getRetained.result.parse(message)).toEqual(message);
    expect(message).toMatchObject({ payloadEncoding: "base64", payloadBytes: 100_000, expires_on: expect.any(String) });
    expect(message.properties).toEqual({ contentType: "x/y" });
    expect(Buffer.from(message.payload, "base64").equals(payload)).toBe(true);
    const [preview] = await list({ topic: "big" });
    expect(preview).toMatchObject({ payloadTruncated: true, payloadBytes: 100_000 });
    expect(Buffer.from(preview!.payload, "base64")).toHaveLength(256);
    await expect(api.getRetained({ ...at, topic: "none" })).rejects.toMatchObject({
      code: "retained-not-found",
      message: "no retained message on none",
      hint: expect.stringContaining("pubsub retained list"),
    });
    await expect(api.getRetained({ ...at, topic: "a/+" })).rejects.toMatchObject({ code: "invalid-request" });
  });

  test("may have the longest topic there is", async () => {
    const topic = "🙂".repeat(16_383);
    const client = await open("other");
    await client.publishAsync(topic, "x", { qos: 1, retain: true });
    expect((await api.getRetained({ ...at, topic })).payload).toBe("x");
  });

  test("are deleted by filter, at most so many at once", async () => {
    expect(await api.deleteRetained({ ...at, topic: "a/#", limit: 2 })).toEqual({ deleted: 2, more: true });
    expect(await names()).toEqual(["a/b/c", "b", "ü/🙂"]);
    expect(await api.deleteRetained({ ...at, topic: "a/#" })).toEqual({ deleted: 1, more: false });
    expect(await api.deleteRetained({ ...at, topic: "a/#" })).toEqual({ deleted: 0, more: false });
    expect(await api.deleteRetained({ ...at, topic: "b" })).toEqual({ deleted: 1, more: false });
    const client = await open("other");
    const received: string[] = [];
    client.on("message", (topic) => received.push(topic));
    await client.subscribeAsync("#", { qos: 1 });
    await expect.poll(() => received).toEqual(["ü/🙂"]);
  });

  test.each([{ topic: "a#" }, { topic: "" }, { topic: "#", limit: 0 }, { topic: "#", limit: 1001 }])(
    "no list of %j",
    async (query) => {
      await expect(api.listRetained({ ...at, ...query })).rejects.toMatchObject({ code: "invalid-request" });
    },
  );
});

describe("sessions", () => {
  test("are listed by client id, in pages, and told apart", async () => {
    const away = await open("away", staying);
    await away.subscribeAsync({ "a/#": { qos: 1 }, "$share/g/b": { qos: 2, nl: false, rap: true } });
    await away.endAsync();
    const here = await open("here", { keepalive: 90 });
    await here.publishAsync("a/x", "12345", { qos: 1 });

    const { sessions, cursor } = await api.listSessions(at);
    expect(cursor).toBeUndefined();
    expect(operations.listSessions.result.parse({ sessions })).toEqual({ sessions });
    expect(sessions).toMatchObject([
      {
        clientId: "away",
        connected: false,
        sessionExpiryInterval: 3600,
        expires_on: expect.any(String),
        subscriptions: 2,
        queuedMessages: 1,
        queuedBytes: expect.any(Number),
      },
      {
        clientId: "here",
        connected: true,
        connection: { transport: "tcp", protocolVersion: 5, keepAlive: 90, remote: expect.stringMatching(/:\d+$/) },
        sessionExpiryInterval: 0,
        subscriptions: 0,
        queuedMessages: 0,
        inflightMessages: 0,
        hasWill: false,
      },
    ]);
    expect(sessions[0]!.queuedBytes).toBeGreaterThan(5);
    const ids = async (query: object) => (await api.listSessions({ ...at, ...query })).sessions.map((s) => s.clientId);
    expect(await ids({ connected: "true" })).toEqual(["here"]);
    expect(await ids({ connected: "false" })).toEqual(["away"]);
    const first = await api.listSessions({ ...at, limit: 1 });
    expect(first.sessions.map((s) => s.clientId)).toEqual(["away"]);
    expect(await ids({ limit: 1, cursor: first.cursor })).toEqual(["here"]);
  });

  test("are described with their subscriptions", async () => {
    const client = await open("..", staying);
    await client.subscribeAsync("a/#", { qos: 1, properties: { subscriptionIdentifier: 7 } });
    await client.subscribeAsync("$share/g/b", { qos: 2, rap: true });
    const described = await api.describeSession({ ...at, client: ".." });
    expect(operations.describeSession.result.parse(described)).toEqual(described);
    expect(described.filters).toEqual([
      { topicFilter: "$share/g/b", qos: 2, noLocal: false, retainAsPublished: true },
      { topicFilter: "a/#", qos: 1, noLocal: false, retainAsPublished: false, subscriptionIdentifier: 7 },
    ]);
    const page = await api.describeSession({ ...at, client: "..", limit: 1 });
    expect(page.filters).toHaveLength(1);
    expect(page.subscriptions).toBe(2);
    expect((await api.describeSession({ ...at, client: "..", cursor: page.cursor! })).filters).toHaveLength(1);
    await expect(api.describeSession({ ...at, client: "x" })).rejects.toMatchObject({
      code: "session-not-found",
      status: 404,
      message: "no session of the client x",
    });
  });

  test("kick: the client is told 0x98, and its session stays", async () => {
    const client = await open("c", staying);
    const told = new Promise((resolve) => client.on("disconnect", (packet) => resolve(packet.reasonCode)));
    expect(await api.kickSession({ ...at, client: "c" })).toEqual({ disconnected: true, sessionEnded: false });
    expect(await told).toBe(0x98);
    expect(await api.describeSession({ ...at, client: "c" })).toMatchObject({ connected: false });
    expect(await api.kickSession({ ...at, client: "c" })).toEqual({ disconnected: false, sessionEnded: false });
    expect(await api.kickSession({ ...at, client: "c", endSession: true })).toEqual({
      disconnected: false,
      sessionEnded: true,
    });
    await expect(api.kickSession({ ...at, client: "c" })).rejects.toMatchObject({ code: "session-not-found" });
  });

  test("kick with the end of the session publishes its will, once", async () => {
    const watcher = await open("watcher");
    const received: string[] = [];
    watcher.on("message", (topic) => received.push(topic));
    await watcher.subscribeAsync(["will", "end"]);
    const will = { topic: "will", payload: Buffer.from("x"), qos: 0, retain: false } as const;
    const properties = { willDelayInterval: 3600 };
    await open("c", { ...staying, will: { ...will, properties } });
    expect(await api.kickSession({ ...at, client: "c", endSession: true })).toEqual({
      disconnected: true,
      sessionEnded: true,
    });
    await watcher.publishAsync("end", "");
    await expect.poll(() => received).toEqual(["will", "end"]);
  });

  test.each([{ client: "" }, { client: "c", endSession: "yes" }])("no kick with %j", async (body) => {
    await expect(api.kickSession({ ...at, ...(body as { client: string }) })).rejects.toMatchObject({
      code: "invalid-request",
    });
  });
});

test("logs: what the server said, in order and from any point", async () => {
  expect(await api.listLogs()).toEqual([]);
  for (const clientId of ["x", "y", "z"]) {
    await expect(
      connectAsync(server.mqtt, { clientId, username: "u", password: "p", reconnectPeriod: 0 }),
    ).rejects.toThrow();
  }
  const lines = await api.listLogs();
  expect(lines.map(({ message }) => message)).toEqual(logged);
  expect(lines.map(({ id }) => id)).toEqual([1, 2, 3]);
  expect(operations.listLogs.result.parse(lines)).toEqual(lines);
  expect((await api.listLogs({ limit: 1 })).map(({ id }) => id)).toEqual([3]);
  expect((await api.listLogs({ after: 1, limit: 1 })).map(({ id }) => id)).toEqual([2]);
  expect(await api.listLogs({ after: 3 })).toEqual([]);
  const next = api.listLogs({ after: 3, wait_ms: 20_000 });
  await expect(
    connectAsync(server.mqtt, { clientId: "w", username: "u", password: "p", reconnectPeriod: 0 }),
  ).rejects.toThrow();
  expect((await next).map(({ id }) => id)).toEqual([4]);
});
