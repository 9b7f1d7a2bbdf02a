/** API tokens with scopes, and what each of them may do. */
import { beforeEach, describe, expect, test } from "vitest";
import { type Route, routes } from "../../src/contract/routes.ts";
import type { Result } from "../../src/contract/types.ts";
import { ACCOUNT, B, N, START_MS, harness } from "./harness.ts";

let api: ReturnType<typeof harness>;
beforeEach(async () => {
  api = harness();
  await api.createBroker();
  await api.call("createNamespace", `POST ${N}`, { name: "other" });
});

const create = async (settings: object): Promise<Result<"createApiToken">> =>
  await api.call("createApiToken", "POST /api-tokens", { name: "ci", ...settings });
const as = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });

test("are shown once, and listed without their secret", async () => {
  const { token, ...created } = await create({ scope: "write", namespace: "NS" });
  expect(created).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    name: "ci",
    scope: "write",
    namespace: "ns",
    created_on: new Date(START_MS).toISOString(),
  });
  expect(token).toMatch(/^[\w-]{43}$/);
  expect(await api.call("listApiTokens", "GET /api-tokens")).toEqual([created]);
  expect(JSON.stringify(api.catalogue.apiTokens())).not.toContain(token);
  expect(await (await api.request("GET /api-tokens")).text()).not.toContain(api.catalogue.apiTokens()[0]!.hash);
});

test("say who they are", async () => {
  const created = await create({ scope: "read" });
  const verified = await api.request("GET /user/tokens/verify", undefined, as(created));
  expect(await verified.json()).toMatchObject({ result: { id: created.id, status: "active" } });
});

test("are no good once they are deleted", async () => {
  const created = await create({ scope: "read" });
  expect((await api.request("GET /status", undefined, as(created))).status).toBe(200);
  expect(await api.call("deleteApiToken", `DELETE /api-tokens/${created.id}`)).toBeNull();
  await api.refused("wrong-api-token", "GET /status", undefined, as(created));
  await api.refused("api-token-not-found", `DELETE /api-tokens/${created.id}`);
  await api.refused("invalid-request", "DELETE /api-tokens/x");
});

test("end the streams that were opened with them", async () => {
  const created = await create({ scope: "read" });
  const response = await api.request(`GET ${B}/events`, undefined, as(created));
  const own = await api.request(`GET ${B}/events`);
  await api.call("deleteApiToken", `DELETE /api-tokens/${created.id}`);
  expect(await response.text()).toMatch(/^: watching/);
  expect(api.watchers()).toBe(1);
  await own.body!.cancel();
});

/** Every operation with some path; the handlers themselves may refuse, but for other reasons. */
const targets = Object.values<Route>(routes).map((route) => {
  const path = route.path
    .replace("{account}", ACCOUNT)
    .replace("{namespace}", "ns")
    .replace("{broker}", "none")
    .replace("{apiToken}", "0".repeat(32));
  return { target: `${route.method} ${path}`, route };
});

async function code(target: string, headers: Record<string, string>): Promise<number | undefined> {
  const response = await api.request(target, target.startsWith("GET") ? undefined : {}, headers);
  // Answers to SQL have no envelope; refusals do.
  if (!response.headers.get("content-type")?.includes("json")) return undefined;
  const { errors } = (await response.json()) as { errors?: { code: number }[] };
  return errors?.[0]?.code;
}
const SCOPE_TOO_LOW = 17004;
const NAMESPACE_NOT_ALLOWED = 17005;

describe.each([
  ["read", ["read"]],
  ["write", ["read", "write"]],
  ["admin", ["read", "write", "admin"]],
])("the scope %s", (scope, allowed) => {
  test("allows what it says, and nothing else", async () => {
    const headers = as(await create({ scope }));
    // A body that is wrong is said first.
    const bodies = ["/brokers", "/namespaces", "/kick", "/revocations", "/api-tokens", "/messages"];
    for (const { target, route } of targets) {
      if (route.body && bodies.some((end) => route.path.endsWith(end))) continue;
      if (route.query && Object.keys(route.query).some((name) => ["topic", "client"].includes(name))) continue;
      const isRefused = (await code(target, headers)) === SCOPE_TOO_LOW;
      expect([target, isRefused]).toEqual([target, !allowed.includes(route.scope)]);
    }
  });
});

test("a scope that is too low is named, with the one that it takes", async () => {
  const headers = as(await create({ scope: "read" }));
  const message = "that takes an API token with the scope write; this one has read";
  expect(await api.refused("scope-too-low", `POST ${N}`, { name: "a" }, headers)).toBe(message);
  expect(await api.refused("scope-too-low", `GET ${B}/credentials`, undefined, headers)).toBe(message);
  expect(api.catalogue.namespace("a")).toBeUndefined();
});

describe("a token for one namespace", () => {
  let headers: Record<string, string>;
  beforeEach(async () => {
    headers = as(await create({ scope: "write", namespace: "ns" }));
  });

  test("is good for what is in it", async () => {
    for (const target of [`GET ${N}/NS`, `GET ${B}`, `PATCH ${B}`, `GET ${B}/credentials`, `GET ${B}/sessions`]) {
      expect([target, await code(target, headers)]).toEqual([target, undefined]);
    }
  });

  test("is good for nothing in others, which need not exist", async () => {
    for (const name of ["other", "none"]) {
      for (const target of [`GET ${N}/${name}`, `DELETE ${N}/${name}`, `GET ${N}/${name}/brokers`]) {
        expect([target, await code(target, headers)]).toEqual([target, NAMESPACE_NOT_ALLOWED]);
      }
    }
    expect(await api.refused("namespace-not-allowed", `POST ${N}`, { name: "a" }, headers)).toBe(
      "the API token is good for the namespace ns only",
    );
    expect(await code("GET /logs", headers)).toBe(SCOPE_TOO_LOW);
  });

  test("sees its own namespace only", async () => {
    const response = await api.request(`GET ${N}`, undefined, headers);
    expect(await response.json()).toMatchObject({ result: [{ name: "ns" }], result_info: { total_count: 1 } });
    expect(await code("GET /memberships", headers)).toBeUndefined();
    expect(await code("GET /status", headers)).toBeUndefined();
  });

  test("ends with it", async () => {
    await api.call("deleteBroker", `DELETE ${B}`);
    await api.call("deleteNamespace", `DELETE ${N}/ns`);
    await api.call("createNamespace", `POST ${N}`, { name: "ns" });
    await api.refused("wrong-api-token", `GET ${N}/ns`, undefined, headers);
  });
});

test.each<[settings: object, message: string]>([
  [{ name: "" }, "name: must not be empty"],
  [{ name: "x".repeat(129) }, "name: must be at most 128"],
  [{ scope: "root" }, "scope: "],
  [{ scope: undefined }, "scope: "],
  [{ scope: "admin", namespace: "ns" }, "namespace: the scope admin is for the whole server"],
  [{ namespace: "-" }, "namespace: must be"],
])("no token of %j", async (settings, message) => {
  const body = { name: "ci", scope: "read", ...settings };
  expect(await api.refused("invalid-request", "POST /api-tokens", body)).toContain(message);
  expect(api.catalogue.apiTokens()).toEqual([]);
});

test("none for a namespace that does not exist", async () => {
  await api.refused("namespace-not-found", "POST /api-tokens", { name: "ci", scope: "read", namespace: "none" });
});
