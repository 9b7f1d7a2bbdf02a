/** The client against the API, mostly without a network between them. */
import { once } from "node:events";
import { type RequestListener, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type RunningApi, serveApi } from "../../src/api/index.ts";
import { Lazy } from "../../src/lazy.ts";
import { ApiError, type Client, type Fetch, type StreamPosition, createClient } from "../../src/client/index.ts";
import type { Broker, TailEvent } from "../../src/contract/types.ts";
import { ACCOUNT, TOKEN, harness } from "../api/harness.ts";
import { message } from "../api/messages.ts";

const BASE_URL = "http://localhost/client/v4";
let api: ReturnType<typeof harness>;
let requests: string[];
let client: Client;

/** Hands the requests of a client to the API. */
const fetchFromApi: Fetch = async (url, request) => {
  requests.push(`${request.method} ${url}`);
  return await api.app.request(url, request);
};

beforeEach(() => {
  api = harness();
  requests = [];
  client = createClient({ baseUrl: BASE_URL, apiToken: TOKEN, fetch: fetchFromApi });
});

test("every operation", async () => {
  const namespace = await client.createNamespace({ name: "ns", description: "text" });
  expect(await client.listNamespaces()).toEqual([namespace]);
  expect(await client.describeNamespace({ namespace: "NS" })).toEqual(namespace);
  const where = { namespace: "ns", broker: "b" };
  const broker: Broker = await client.createBroker({ namespace: "ns", name: "b", expiration: 60 });
  expect(await client.listBrokers({ namespace: "ns" })).toEqual([broker]);
  expect(await client.describeBroker(where)).toEqual(broker);
  const on_publish = { url: "https://hook.example/" };
  expect(await client.updateBroker({ ...where, expiration: null, on_publish })).toMatchObject({
    expiration: null,
    on_publish,
  });
  expect((await client.updateBroker(where)).on_publish).toEqual(on_publish);

  const tokens = await client.issueCredentials({
    ...where,
    clientid: ["a", "b&c=d"],
    topicAcl: ["x/#", "y"],
  });
  expect(Object.keys(tokens)).toEqual(["a", "b&c=d"]);
  expect(Object.keys(await client.issueCredentials({ ...where, number: 3, expiration: -1 }))).toHaveLength(3);
  expect(await client.revoke({ ...where, jti: ["x"], jtis: ["y"] })).toBeNull();
  expect(await client.unrevoke({ ...where, jtis: ["x"] })).toBeNull();
  expect(await client.listRevocations(where)).toEqual(["y"]);
  expect((await client.listPublicKeys(where)).keys).toHaveLength(1);

  expect(await client.deleteBroker(where)).toBeNull();
  expect(await client.deleteNamespace({ namespace: "ns" })).toBeNull();
  expect((await client.listMemberships())[0]!.account.id).toBe(ACCOUNT);
  expect(await client.listAccounts({ per_page: 1 })).toHaveLength(1);
  expect((await client.verifyApiToken()).status).toBe("active");
  expect((await client.status()).version).toBe("1.2.3");
});

describe("requests", () => {
  test("go where the routes say", async () => {
    await client.listNamespaces({ page: 2, per_page: 5 });
    expect(requests).toEqual([
      `GET ${BASE_URL}/memberships`,
      `GET ${BASE_URL}/accounts/${ACCOUNT}/pubsub/namespaces?page=2&per_page=5`,
    ]);
  });

  test("ask for the account once, and not if it is known", async () => {
    await Promise.all([client.listNamespaces(), client.listNamespaces()]);
    await client.listNamespaces();
    expect(requests.filter((request) => request.endsWith("/memberships"))).toHaveLength(1);
    requests = [];
    await createClient({
      baseUrl: `${BASE_URL}/`,
      apiToken: TOKEN,
      accountId: ACCOUNT,
      fetch: fetchFromApi,
    }).listNamespaces();
    expect(requests).toEqual([`GET ${BASE_URL}/accounts/${ACCOUNT}/pubsub/namespaces`]);
  });

  test("escape what is in the path", async () => {
    await expect(client.describeNamespace({ namespace: "a/../b?c" })).rejects.toMatchObject({
      code: "invalid-request",
    });
    expect(requests.at(-1)).toMatch(/namespaces\/a%2F\.\.%2Fb%3Fc$/);
  });
});

describe("refusals", () => {
  test("have a name, a number, a text and a hint", async () => {
    const error = await client.describeNamespace({ namespace: "nothing" }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      name: "UserError",
      code: "namespace-not-found",
      status: 404,
      apiCode: 17100,
      message: "no namespace nothing",
      hint: "pubsub namespace list shows those that exist",
    });
  });

  test("for several reasons have several texts", async () => {
    await expect(client.createNamespace({ name: "-", description: "x".repeat(2000) })).rejects.toMatchObject({
      code: "invalid-request",
      hint: undefined,
      message: expect.stringMatching(/^name: .*; description: /),
    });
  });

  test("for a wrong token; the account is asked again afterwards", async () => {
    let apiToken = "wrong";
    const retrying = createClient({
      baseUrl: BASE_URL,
      apiToken: "ignored",
      fetch: (url, request) => fetchFromApi(url, { ...request, headers: { authorization: `Bearer ${apiToken}` } }),
    });
    await expect(retrying.listNamespaces()).rejects.toMatchObject({
      code: "wrong-api-token",
      apiCode: 9109,
      status: 403,
    });
    apiToken = TOKEN;
    expect(await retrying.listNamespaces()).toEqual([]);
  });

  test("of a newer server", async () => {
    const body = { success: false, errors: [{ code: 99, message: "new" }], messages: [], result: null };
    const newer = createClient({
      baseUrl: BASE_URL,
      apiToken: "",
      fetch: async () => Response.json(body, { status: 418 }),
    });
    await expect(newer.status()).rejects.toMatchObject({ code: "api-error", apiCode: 99, status: 418, message: "new" });
  });

  test("without any text", async () => {
    const body = { success: false, errors: [], messages: [], result: null };
    const silent = createClient({
      baseUrl: BASE_URL,
      apiToken: "",
      fetch: async () => Response.json(body, { status: 502 }),
    });
    await expect(silent.status()).rejects.toMatchObject({ code: "api-error", apiCode: 0, message: "HTTP status 502" });
  });
});

describe("what is not there", () => {
  const servers: { close(): unknown }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function clientOf(listener: RequestListener): Promise<Client> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    servers.push(server);
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return createClient({ baseUrl: `http://127.0.0.1:${port}/client/v4`, apiToken: TOKEN, accountId: ACCOUNT });
  }

  test("no server", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    for (const host of ["127.0.0.1", "localhost"]) {
      const baseUrl = `http://${host}:${port}/client/v4`;
      const absent = createClient({ baseUrl, apiToken: TOKEN });
      const expected = {
        name: "UserError",
        code: "server-not-running",
        message: `no pubsub server at ${baseUrl}`,
        hint: "start one with: pubsub dev",
      };
      await expect(absent.status()).rejects.toMatchObject(expected);
      await expect(absent.events({ namespace: "ns", broker: "b" })).rejects.toMatchObject(expected);
    }
  });

  test.each(["nonsense", "localhost:8880", "mqtt://localhost"])("no URL of an API: %s", async (baseUrl) => {
    await expect(createClient({ baseUrl, apiToken: TOKEN }).status()).rejects.toMatchObject({ name: "UserError" });
  });

  test.each([
    ["a page", "<html>"],
    ["other JSON", "{}"],
    ["null", "null"],
  ])("another server: %s", async (_, body) => {
    const other = await clientOf((__, response) => response.end(body));
    const expected = { code: "not-a-pubsub-server", hint: expect.stringContaining("/client/v4") };
    await expect(other.status()).rejects.toMatchObject(expected);
    await expect(other.events({ namespace: "ns", broker: "b" })).rejects.toMatchObject(expected);
  });

  test("a redirection, which must not get the token", async () => {
    const other = await clientOf((_, response) => response.writeHead(302, { location: "http://evil.example/" }).end());
    await expect(other.status()).rejects.toMatchObject({ code: "not-a-pubsub-server" });
  });

  test("a body goes with its length, whatever the method", async () => {
    const heard: string[] = [];
    const other = await clientOf((request, response) => {
      request.setEncoding("utf8");
      let body = "";
      request.on("data", (text: string) => (body += text));
      request.on("end", () => {
        heard.push(`${request.method} ${request.headers["content-length"]} ${body}`);
        response.end(JSON.stringify({ success: true, errors: [], messages: [], result: null }));
      });
    });
    await other.createNamespace({ name: "ä" });
    await other.unrevoke({ namespace: "ns", broker: "b", jti: ["x"] });
    expect(heard).toEqual([`POST 13 {"name":"ä"}`, "DELETE 2 {}"]);
  });

  test("a connection that breaks", async () => {
    const before = await clientOf((request) => request.socket.destroy());
    await expect(before.status()).rejects.toMatchObject({ code: "connection-lost" });
    const within = await clientOf((request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("{");
      setTimeout(() => request.socket.destroy(), 10);
    });
    await expect(within.status()).rejects.toMatchObject({ code: "connection-lost" });
  });
});

describe("events", () => {
  let server: RunningApi;
  const where = { namespace: "ns", broker: "b" };
  const refuse = { type: "refuse", clientId: "c", reasonCode: 0x87, reason: "no" } as const;

  beforeEach(async () => {
    server = await serveApi(new Lazy(async () => api.app), { host: "127.0.0.1", port: 0 });
    client = createClient({ baseUrl: `http://127.0.0.1:${server.port}/client/v4`, apiToken: TOKEN });
    await api.createBroker();
  });
  afterEach(() => server.close());

  const forgotten = async () => {
    for (let i = 0; i < 200 && api.watchers() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(api.watchers()).toBe(0);
  };
  async function collect(events: AsyncIterable<TailEvent>, seen: TailEvent[] = []): Promise<TailEvent[]> {
    for await (const event of events) seen.push(event);
    return seen;
  }

  test("what happens after it has resolved is not missed", async () => {
    const events = await client.events({
      ...where,
      topic: ["a/#", "b"],
      event: ["publish", "deliver"],
      client: ["sensor"],
    });
    api.emit(refuse);
    const payload = Buffer.from("🙂".repeat(100_000));
    for (let id = 0; id < 50; id++) api.emit({ type: "publish", message: message({ id, payload }) });
    const seen: number[] = [];
    for await (const event of events) {
      if (event.event !== "publish") throw new Error(event.event);
      seen.push(event.mid);
      expect(event.payload).toBe("🙂".repeat(16_384));
      if (seen.length === 50) break;
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, id) => id));
    await forgotten();
  });

  test("go on where they were after a lost connection", async () => {
    const position: StreamPosition = {};
    const first = await client.events({ ...where, event: ["refuse"] }, undefined, position);
    api.emit(refuse);
    for await (const _ of first) break;
    await expect.poll(() => api.watchers()).toBe(0);
    expect(position.lastEventId).toMatch(/-1$/);
    api.emit({ ...refuse, reason: "meanwhile" });
    const second = await client.events({ ...where, event: ["refuse"] }, undefined, position);
    for await (const event of second) {
      expect(event).toMatchObject({ event: "refuse", reason: "meanwhile" });
      break;
    }
    expect(position.lastEventId).toMatch(/-2$/);
    await forgotten();
  });

  test("end when the caller says so", async () => {
    const abort = new AbortController();
    const events = await client.events(where, abort.signal);
    setTimeout(() => abort.abort(), 20);
    expect(await collect(events)).toEqual([]);
    await forgotten();
    await expect(client.events(where, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  });

  test("end with the broker, after the last one", async () => {
    const events = await client.events(where);
    api.emit(refuse);
    await client.deleteBroker(where);
    expect(await collect(events)).toMatchObject([{ event: "refuse", namespace: "ns", broker: "b" }]);
  });

  test("that stop because the server does are an error", async () => {
    const events = await client.events(where);
    api.emit(refuse);
    const seen: TailEvent[] = [];
    const collecting = collect(events, seen);
    setTimeout(() => void server.close(), 50);
    await expect(collecting).rejects.toMatchObject({ name: "UserError", code: "connection-lost" });
    expect(seen).toHaveLength(1);
  });

  test("of a broker that does not exist are refused", async () => {
    await expect(client.events({ ...where, broker: "other" })).rejects.toMatchObject({ code: "broker-not-found" });
  });
});
