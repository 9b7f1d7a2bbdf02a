/** Namespaces, brokers, revocations and public keys. */
import { beforeEach, describe, expect, test } from "vitest";
import { B, N, START_MS, harness } from "./harness.ts";

let api: ReturnType<typeof harness>;
beforeEach(() => {
  api = harness();
});

const AT_START = "2025-06-01T12:00:00.000Z";

describe("namespaces", () => {
  test("live", async () => {
    const { call, refused } = api;
    const namespace = {
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: "my-ns",
      description: "text",
      created_on: AT_START,
      modified_on: AT_START,
    };
    expect(await call("createNamespace", `POST ${N}`, { name: "My-NS", description: "text" })).toEqual(namespace);
    expect(await call("describeNamespace", `GET ${N}/MY-NS`)).toEqual(namespace);
    expect(await call("listNamespaces", `GET ${N}`)).toEqual([namespace]);
    expect(await call("deleteNamespace", `DELETE ${N}/my-ns`)).toBeNull();
    await refused("namespace-not-found", `GET ${N}/my-ns`);
    await refused("namespace-not-found", `DELETE ${N}/my-ns`);
  });

  test.each<[body: unknown, message: string]>([
    [{}, "name: is required"],
    [{ name: 7 }, "name: Invalid input"],
    [{ name: "1a" }, "name: must be 1 to 63 letters"],
    [{ name: "a", description: 7 }, "description: "],
    [{ name: "a", description: "x".repeat(1025) }, "description: must be at most 1,024"],
    ["", "name: is required"],
  ])("no namespace from %j", async (body, message) => {
    expect(await api.refused("invalid-request", `POST ${N}`, body)).toContain(message);
    expect(api.catalogue.namespaces()).toEqual([]);
  });

  test("a second one of that name", async () => {
    await api.call("createNamespace", `POST ${N}`, { name: "a" });
    expect(await api.refused("namespace-exists", `POST ${N}`, { name: "A" })).toBe("the namespace a exists already");
  });

  test("a name that cannot be", async () => {
    await api.refused("invalid-request", `GET ${N}/my%20ns`);
    await api.refused("invalid-request", `GET ${N}/-`);
  });

  test("one that still has brokers", async () => {
    await api.createBroker();
    expect(await api.refused("namespace-not-empty", `DELETE ${N}/ns`)).toBe("the namespace ns still has a broker");
    await api.call("createBroker", `POST ${N}/ns/brokers`, { name: "c" });
    expect(await api.refused("namespace-not-empty", `DELETE ${N}/ns`)).toContain("2 brokers");
  });
});

describe("lists", () => {
  beforeEach(async () => {
    for (const name of ["a", "b", "c"]) await api.call("createNamespace", `POST ${N}`, { name });
  });

  test.each([
    ["", ["a", "b", "c"], { page: 1, per_page: 1000, count: 3, total_count: 3, total_pages: 1 }],
    ["?per_page=2", ["a", "b"], { page: 1, per_page: 2, count: 2, total_count: 3, total_pages: 2 }],
    ["?page=2&per_page=2", ["c"], { page: 2, per_page: 2, count: 1, total_count: 3, total_pages: 2 }],
    ["?page=9", [], { page: 9, per_page: 1000, count: 0, total_count: 3, total_pages: 1 }],
  ])("%s", async (query, names, info) => {
    const response = await api.request(`GET ${N}${query}`);
    const { result, result_info } = (await response.json()) as { result: { name: string }[]; result_info: unknown };
    expect(result.map(({ name }) => name)).toEqual(names);
    expect(result_info).toEqual(info);
  });

  test.each(["page=0", "page=x", "page=-1", "page=1.5", "per_page=0", "per_page=1001", "page=1&page=2", "page="])(
    "not %s",
    async (query) => {
      await api.refused("invalid-request", `GET ${N}?${query}`);
    },
  );
});

describe("brokers", () => {
  const url = "https://hook.example/path";
  const broker = {
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    name: "b",
    description: "",
    authType: "TOKEN",
    auth_type: "TOKEN",
    created_on: AT_START,
    modified_on: AT_START,
    expiration: null,
    endpoint: "mqtts://b.ns.example:8883",
  };

  test("live", async () => {
    const { call, refused } = api;
    expect(await api.createBroker()).toEqual(broker);
    expect(await call("describeBroker", `GET ${N}/NS/brokers/B`)).toEqual(broker);
    expect(await call("listBrokers", `GET ${N}/ns/brokers`)).toEqual([broker]);
    expect(await call("deleteBroker", `DELETE ${B}`)).toBeNull();
    await refused("broker-not-found", `GET ${B}`);
  });

  test("with everything", async () => {
    const settings = { description: "text", expiration: 3600, on_publish: { url }, authType: "TOKEN" };
    expect(await api.createBroker(settings)).toEqual({ ...broker, ...settings });
  });

  test.each<[body: unknown, message: string]>([
    [{}, "name: is required"],
    [{ name: "a.b" }, "name: must be"],
    [{ name: "b", expiration: 0 }, "expiration: must be at least 1"],
    [{ name: "b", expiration: -1 }, "expiration: must be at least 1"],
    [{ name: "b", expiration: 1.5 }, "expiration: must be a whole number"],
    [{ name: "b", expiration: "48h" }, "expiration: must be a whole number"],
    [{ name: "b", expiration: 1e12 }, "expiration: must be at most 100 years"],
    [{ name: "b", authType: "PASSWORD" }, "authType: "],
    [{ name: "b", auth_type: "" }, "auth_type: "],
    [{ name: "b", on_publish: url }, "on_publish: "],
    [{ name: "b", on_publish: { on_failure: "ignore" } }, "on_publish.on_failure: "],
    [{ name: "b", on_publish: { topics: ["a/#/b"] } }, "on_publish.topics.0: must be a topic filter"],
    [{ name: "b", on_publish: { topics: [] } }, "on_publish.topics: must name a filter"],
    [{ name: "b", on_publish: { timeout_ms: 1 } }, "on_publish.timeout_ms: must be at least 10"],
    [{ name: "b", on_publish: { reject_reason_code: 0 } }, "on_publish.reject_reason_code: "],
    [{ name: "b", on_publish: { retry: { fallback: "retry" } } }, "on_publish.retry.fallback: "],
    [{ name: "b", on_publish: { circuit_breaker: { failures: 0 } } }, "on_publish.circuit_breaker.failures: "],
    [{ name: "b", on_publish: { dead_letter_topic: "a/+" } }, "on_publish.dead_letter_topic: must be a topic name"],
    [{ name: "b", on_publish: { dead_letter_topic: "$SYS/a" } }, "must not begin with $"],
    [{ name: "b", on_publish: { url: "hook" } }, "on_publish.url: must be a URL"],
    [{ name: "b", on_publish: { url: "ftp://localhost/" } }, "on_publish.url: must begin with https://"],
    [{ name: "b", on_publish: { url: "http://hook.example/" } }, "unless it is a loopback address"],
    [{ name: "b", on_publish: { url: "http://127.0.0.1.evil.example/" } }, "unless it is a loopback address"],
    [{ name: "b", on_publish: { url: "http://localhost@hook.example/" } }, "must not contain a user name"],
    [{ name: "b", on_publish: { url: "https://me:secret@hook.example/" } }, "must not contain a user name"],
    [{ name: "b", on_publish: { url: `https://hook.example/${"x".repeat(2048)}` } }, "at most 2,048"],
  ])("no broker from %j", async (body, message) => {
    await api.call("createNamespace", `POST ${N}`, { name: "ns" });
    expect(await api.refused("invalid-request", `POST ${N}/ns/brokers`, body)).toContain(message);
    expect(api.catalogue.brokers()).toEqual([]);
  });

  test("all that is wrong is said at once", async () => {
    await api.call("createNamespace", `POST ${N}`, { name: "ns" });
    const messages = await api.refused("invalid-request", `POST ${N}/ns/brokers`, { name: "", expiration: 0 });
    expect(messages.split("\n")).toHaveLength(2);
  });

  test.each([
    "http://localhost:8787/",
    "http://LOCALHOST/",
    "http://hook.localhost/",
    "http://127.0.0.1/",
    "http://127.9.9.9:1/x",
    "http://[::1]:8787/",
    "http://0x7f.1/",
  ])("a hook in clear on the machine itself: %s", async (loopback) => {
    expect((await api.createBroker({ on_publish: { url: loopback } })).on_publish).toEqual({ url: loopback });
  });

  test("a second one of that name, and one in no namespace", async () => {
    await api.createBroker();
    expect(await api.refused("broker-exists", `POST ${N}/ns/brokers`, { name: "B" })).toContain("in the namespace ns");
    await api.refused("namespace-not-found", `POST ${N}/other/brokers`, { name: "b" });
    await api.refused("namespace-not-found", `GET ${N}/other/brokers`);
  });

  test.each([
    "GET /",
    "PATCH /",
    "DELETE /",
    "GET /credentials",
    "GET /revocations",
    "POST /revocations?jti=x",
    "DELETE /revocations?jti=x",
    "GET /publickeys",
    "GET /events",
  ])("%s of one that does not exist", async (target) => {
    const [method, path] = target.split(" ") as [string, string];
    const end = path === "/" ? "" : path;
    await api.refused("namespace-not-found", `${method} ${N}/other/brokers/b${end}`);
    await api.createBroker();
    expect(await api.refused("broker-not-found", `${method} ${N}/ns/brokers/other${end}`)).toBe(
      "no broker other in the namespace ns",
    );
  });

  test("the settings of a hook change one by one, and end with its URL", async () => {
    const settings = {
      topics: ["a/#", "+/b"],
      timeout_ms: 2000,
      on_failure: "retry",
      reject_reason_code: 0x97,
      retry: { initial_delay_ms: 50, max_delay_ms: 1000, total_ms: 5000, fallback: "reject" },
      circuit_breaker: { failures: 2, open_ms: 500 },
      dead_letter_topic: "lost",
    };
    const full = { url, ...settings };
    const update = async (change: unknown) =>
      (await api.call("updateBroker", `PATCH ${B}`, { on_publish: change })).on_publish;
    expect((await api.createBroker({ on_publish: full })).on_publish).toEqual(full);
    expect(await update({})).toEqual(full);
    expect(await update({ on_failure: "pass", retry: null })).toEqual({
      ...full,
      on_failure: "pass",
      retry: undefined,
    });
    expect(await update({ circuit_breaker: {} })).toMatchObject({ circuit_breaker: {}, topics: settings.topics });
    expect(await update({ url: "https://other.example/" })).toMatchObject({ url: "https://other.example/" });
    expect(await update({ url: null, on_failure: "reject" })).toEqual({ on_failure: "reject" });
    expect(await update({ url: null })).toBeUndefined();
    expect(await update(settings)).toEqual(settings);
    expect(await update(null)).toBeUndefined();
  });

  describe("updates", () => {
    const full = { description: "text", expiration: 3600, on_publish: { url } };
    beforeEach(async () => {
      await api.createBroker(full);
      api.clock.nowMs += 1000;
    });

    test.each<[body: object | string, changed: object]>([
      [{ description: "new" }, { description: "new" }],
      [{ description: "" }, { description: "" }],
      [{ expiration: 60 }, { expiration: 60 }],
      [{ expiration: null }, { expiration: null }],
      [{ on_publish: { url: "http://localhost/" } }, { on_publish: { url: "http://localhost/" } }],
      [{ on_publish: { url: null } }, { on_publish: undefined }],
      [{ on_publish: null }, { on_publish: undefined }],
    ])("%j", async (body, changed) => {
      const updated = await api.call("updateBroker", `PATCH ${B}`, body);
      expect(updated).toEqual({ ...broker, ...full, modified_on: "2025-06-01T12:00:01.000Z", ...changed });
      expect(await api.call("describeBroker", `GET ${B}`)).toEqual(updated);
    });

    test.each<[body: object | string]>([[{}], [""], [{ unknown: 1 }], [{ name: "other" }]])(
      "%j is nothing",
      async (body) => {
        expect(await api.call("updateBroker", `PATCH ${B}`, body)).toEqual({ ...broker, ...full });
      },
    );

    test("only if nobody else has changed anything: If-Match", async () => {
      const patch = (body: object, etag: string) => api.request(`PATCH ${B}`, body, { "if-match": etag });
      const etag = (await api.request(`GET ${B}`)).headers.get("etag")!;
      expect(etag).toMatch(/^"[\w-]{22}"$/);
      const changed = await patch({ description: "one" }, etag);
      expect(changed.status).toBe(200);
      expect(await api.refused("broker-changed", `PATCH ${B}`, { description: "two" }, { "if-match": etag })).toContain(
        "is not as it was",
      );
      const present = changed.headers.get("etag")!;
      expect(present).not.toBe(etag);
      expect((await api.request(`GET ${B}`)).headers.get("etag")).toBe(present);
      expect((await patch({ description: "three" }, `"x", ${present}`)).status).toBe(200);
      expect((await patch({ description: "four" }, "*")).status).toBe(200);
      expect((await patch({ description: "five" }, `W/${present}`)).status).toBe(412);
      expect((await api.call("describeBroker", `GET ${B}`)).description).toBe("four");
    });

    test("of two at the same time with the same ETag one is made", async () => {
      const etag = (await api.request(`GET ${B}`)).headers.get("etag")!;
      const both = ["one", "two"].map((description) =>
        api.request(`PATCH ${B}`, { description }, { "if-match": etag }),
      );
      const statuses = (await Promise.all(both)).map(({ status }) => status);
      expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 412]);
    });

    test.each([{ expiration: 0 }, { expiration: "1" }, { on_publish: { url: "x" } }, { description: null }])(
      "not %j",
      async (body) => {
        await api.refused("invalid-request", `PATCH ${B}`, body);
        expect(await api.call("describeBroker", `GET ${B}`)).toEqual({ ...broker, ...full });
      },
    );
  });
});

describe("revocations", () => {
  beforeEach(async () => {
    await api.createBroker();
  });
  const list = () => api.call("listRevocations", `GET ${B}/revocations`);

  test("both ways of writing several", async () => {
    expect(await list()).toEqual([]);
    expect(await api.call("revoke", `POST ${B}/revocations?jti=a&jti=b`)).toBeNull();
    await api.call("revoke", `POST ${B}/revocations?jti=b,c&jti=d,`);
    await api.call("revoke", `POST ${B}/revocations`, { jtis: ["a", "d"] });
    expect(await list()).toEqual(["a", "b", "c", "d"]);
    expect(await api.call("unrevoke", `DELETE ${B}/revocations?jti=a,c&jti=unknown`)).toBeNull();
    expect(await list()).toEqual(["b", "d"]);
  });

  test.each(["", "?jti=", "?jti=,", "?jti=a%20b", `?jti=${"x".repeat(129)}`, "?jti=%00"])("not %j", async (query) => {
    await api.refused("invalid-request", `POST ${B}/revocations${query}`);
    await api.refused("invalid-request", `DELETE ${B}/revocations${query}`);
    expect(await list()).toEqual([]);
  });

  test("as many as there may be, in a body", async () => {
    const jtis = Array.from({ length: 10_000 }, (_, i) => `01J${String(i).padStart(23, "0")}`);
    await api.call("revoke", `POST ${B}/revocations?jti=${jtis[0]}`, { jtis });
    expect(await list()).toEqual(jtis);
    await api.call("unrevoke", `DELETE ${B}/revocations`, { jtis: jtis.slice(1) });
    expect(await list()).toEqual(jtis.slice(0, 1));
    await api.refused("invalid-request", `POST ${B}/revocations`, { jtis: [...jtis, "one-more"] });
    await api.refused("invalid-request", `POST ${B}/revocations`, { jtis: ["a b"] });
    await api.refused("invalid-json", `POST ${B}/revocations?jti=a`, "{");
  });

  test("are limited in number", async () => {
    const { id } = api.catalogue.brokers()[0]!;
    await api.catalogue.revoke(
      id,
      Array.from({ length: 10_000 }, (_, i) => `j${i}`),
    );
    expect(await list()).toHaveLength(10_000);
    expect(await api.refused("too-many-revocations", `POST ${B}/revocations?jti=new`)).toContain("10000");
    await api.call("revoke", `POST ${B}/revocations?jti=j1`);
  });
});

test("public keys are public only", async () => {
  await api.createBroker();
  const [record] = api.catalogue.brokers();
  expect(await api.call("listPublicKeys", `GET ${B}/publickeys`)).toEqual({ keys: [record!.keys[0]!.publicJwk] });
  const text = await (await api.request(`GET ${B}/publickeys`)).text();
  expect(text).not.toContain(record!.keys[0]!.privateJwk.d);
  expect(record!.keys[0]!.createdOn).toBe(new Date(START_MS).toISOString());
});

test("private keys are in no answer", async () => {
  await api.createBroker();
  const secret = api.catalogue.brokers()[0]!.keys[0]!.privateJwk.d;
  for (const target of [`GET ${B}`, `GET ${N}/ns/brokers`, `PATCH ${B}`]) {
    expect(await (await api.request(target)).text()).not.toContain(secret);
  }
});

test("a change that cannot be saved", async () => {
  const { PersistentCatalogue } = await import("../../src/store/persistent-catalogue.ts");
  const { emptyState } = await import("../../src/store/state.ts");
  const catalogue = new PersistentCatalogue(emptyState(api.catalogue.accountId), {
    persist: () => Promise.reject(new Error("ENOSPC: secret path")),
    now: () => 0,
  });
  const { refused, logged } = harness({ catalogue });
  expect(await refused("storage-failed", `POST ${N}`, { name: "a" })).toBe("the change could not be saved");
  expect(logged).toEqual(["the change could not be saved: Error: ENOSPC: secret path"]);
});
