/** What holds for every request, whatever the operation. */
import { describe, expect, test } from "vitest";
import { ACCOUNT, B, N, START_MS, TOKEN, harness } from "./harness.ts";

describe("authentication", () => {
  test.each<[what: string, headers: Record<string, string>]>([
    ["a bearer token", { authorization: `Bearer ${TOKEN}` }],
    ["a bearer token in any case", { authorization: `bearer  ${TOKEN}` }],
    ["key and e-mail", { authorization: "", "x-auth-key": TOKEN, "x-auth-email": "me@example.com" }],
  ])("%s", async (_, headers) => {
    expect((await harness().request("GET /status", undefined, headers)).status).toBe(200);
  });

  test.each<[what: string, headers: Record<string, string>]>([
    ["nothing", { authorization: "" }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
    ["an empty token", { authorization: "Bearer " }],
    ["a key without e-mail", { authorization: "", "x-auth-key": TOKEN }],
  ])("none: %s", async (_, headers) => {
    const { refused, request } = harness();
    await refused("not-authenticated", "GET /status", undefined, headers);
    const response = await request("GET /status", undefined, headers);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
  });

  test.each<[what: string, headers: Record<string, string>]>([
    ["another token", { authorization: "Bearer other" }],
    ["another key", { authorization: "", "x-auth-key": "other", "x-auth-email": "me@example.com" }],
  ])("wrong: %s", async (_, headers) => {
    await harness().refused("wrong-api-token", "GET /status", undefined, headers);
  });

  test("comes before everything else", async () => {
    const { refused } = harness();
    const headers = { authorization: "Bearer other" };
    await refused("wrong-api-token", "GET /nothing", undefined, headers);
    await refused("wrong-api-token", `POST ${N}`, "{", headers);
  });
});

describe("the Host header", () => {
  test.each([
    "localhost",
    "LOCALHOST:8880",
    "127.0.0.1:8880",
    "[::1]:8880",
    "b.ns.localhost",
    "box.lan:1",
    "localhost.",
  ])("%s is ours", async (host) => {
    const { request } = harness({ allowedHosts: ["box.lan"] });
    expect((await request("GET /status", undefined, { host })).status).toBe(200);
  });
  test.each([
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:8880",
    "box.lan.",
    "10.0.0.1",
    "xlocalhost",
  ])("%s is not", async (host) => {
    await harness({ allowedHosts: [] }).refused("host-not-allowed", "GET /status", undefined, { host });
  });
  test("does not matter where no names are given", async () => {
    expect((await harness().request("GET /status", undefined, { host: "evil.example" })).status).toBe(200);
  });
});

describe("routing", () => {
  test.each(["GET /", "GET /nothing", `GET ${N}/ns/brokers/b/nothing`, `GET ${N}/a%2Fb/c`, "OPTIONS /"])(
    "%s is nowhere",
    async (target) => {
      await harness().refused("no-such-route", target);
    },
  );

  test("outside the base path there is nothing", async () => {
    const response = await harness().app.request("/status", { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ success: false, errors: [{ code: 7000 }] });
  });

  test.each([
    [`PUT ${N}`, "GET, POST"],
    [`POST ${B}`, "PUT, GET, PATCH, DELETE"],
    ["DELETE /status", "GET"],
    [`OPTIONS ${B}/events`, "GET"],
  ])("%s: allowed is %s", async (target, allow) => {
    const { request, refused } = harness();
    expect(await refused("method-not-allowed", target)).toContain(allow);
    expect((await request(target)).headers.get("allow")).toBe(allow);
  });

  test("HEAD watches nothing", async () => {
    const { request, watchers, createBroker } = harness();
    await createBroker();
    const response = await request(`HEAD ${B}/events`);
    expect(response.status).toBe(405);
    expect(watchers()).toBe(0);
  });

  test("no other site may read answers", async () => {
    const response = await harness().request("GET /status", undefined, { origin: "https://evil.example" });
    expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test.each(["f".repeat(32), "local", "x"])("the account %s is not ours", async (account) => {
    const name = account.length === 32 ? "account-not-found" : "invalid-request";
    await harness().refused(name, `GET /accounts/${account}/pubsub/namespaces`);
  });
});

describe("bodies", () => {
  test.each(["{", "name=x", "\u0000", '{"name":}'])("%j is not JSON", async (body) => {
    expect(await harness().refused("invalid-json", `POST ${N}`, body)).toContain("not JSON");
  });

  test.each(["[]", "7", "null", '"x"'])("%s is not an object", async (body) => {
    expect(await harness().refused("invalid-request", `POST ${N}`, body)).toContain("the body");
  });

  test("are JSON under any content type", async () => {
    for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
      const { request } = harness();
      expect((await request(`POST ${N}`, { name: "a" }, { "content-type": type })).status).toBe(200);
    }
  });

  test("are at most 1 MiB long", async () => {
    const { refused } = harness();
    const long = JSON.stringify({ name: "a", description: "x".repeat(1024 * 1024) });
    await refused("body-too-large", `POST ${N}`, long);
    await refused("body-too-large", `POST ${N}`, long, { "content-length": String(long.length) });
  });

  test("may begin with a byte order mark", async () => {
    expect((await harness().request(`POST ${N}`, '\uFEFF{"name":"a"}')).status).toBe(200);
  });

  test("__proto__ is a name like any other", async () => {
    expect(await harness().refused("invalid-request", `POST ${N}`, '{"__proto__":{"name":"x"}}')).toBe(
      "name: is required",
    );
  });
});

test("a failure of the server says nothing about itself", async () => {
  const { refused, logged } = harness({
    status: () => {
      throw new Error("secret detail");
    },
  });
  expect(await refused("internal-error", "GET /status")).not.toContain("secret");
  expect(logged).toEqual([expect.stringMatching(/^a request to the API failed: Error: secret detail\n +at /)]);
});

describe("what clients ask first", () => {
  test("the account", async () => {
    const { call } = harness();
    const account = { id: ACCOUNT, name: expect.any(String) };
    expect(await call("listMemberships", "GET /memberships")).toEqual([{ id: ACCOUNT, status: "accepted", account }]);
    expect(await call("listAccounts", "GET /accounts?page=1&per_page=5&direction=asc")).toEqual([account]);
    expect(await call("verifyApiToken", "GET /user/tokens/verify")).toEqual({ id: ACCOUNT, status: "active" });
  });

  test("the status", async () => {
    expect(await harness().call("status", "GET /status")).toEqual({
      version: "1.2.3",
      pid: 42,
      started_on: new Date(START_MS).toISOString(),
      account_id: ACCOUNT,
      mqtt: "mqtt://h:1883",
      ws: "ws://h:8083/mqtt",
    });
  });
});
