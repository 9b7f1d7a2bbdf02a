/** What every implementation of `Catalogue` does. */
import { beforeEach, describe, expect, test } from "vitest";
import { type SigningKey, generateSigningKey } from "../../src/auth/index.ts";
import type { Catalogue, CatalogueEvent, NamespaceRecord } from "../../src/store/index.ts";

const ID = /^[0-9a-f]{32}$/;

export function catalogueSuite(open: (now: () => number) => Promise<Catalogue>): void {
  let nowMs: number;
  let key: SigningKey;
  let catalogue: Catalogue;
  let namespace: NamespaceRecord;
  let events: CatalogueEvent[];

  const newBroker = (name: string) => ({ namespaceId: namespace.id, name, keys: [key] });
  const failsWith = async (promise: Promise<unknown>, code: string) =>
    await expect(promise).rejects.toMatchObject({ name: "UserError", code });

  beforeEach(async () => {
    nowMs = Date.UTC(2025, 0, 1);
    key ??= await generateSigningKey();
    catalogue = await open(() => nowMs);
    namespace = await catalogue.createNamespace({ name: "first" });
    events = [];
    catalogue.watch((event) => events.push(event));
    return () => catalogue.close();
  });

  test("creates what is missing, and finds what is there", async () => {
    const { record, isNew } = await catalogue.ensureNamespace({ name: "Second", description: "text" });
    expect([record.name, isNew, catalogue.namespace("second")]).toEqual(["second", true, record]);
    for (const description of ["text", undefined]) {
      expect(await catalogue.ensureNamespace({ name: "second", description })).toEqual({ record, isNew: false });
    }
    await failsWith(catalogue.ensureNamespace({ name: "second", description: "other" }), "namespace-differs");
    // At the same time: one creates it, the others find it, and nobody is told before it is kept.
    const both = ["a", "A", "a"].map((name) =>
      catalogue.ensureBroker({ ...newBroker(name), limits: { inflightMax: 3 } }),
    );
    const ensured = await Promise.all(both);
    expect(ensured.map((each) => each.isNew)).toEqual([true, false, false]);
    expect(new Set(ensured.map((each) => each.record.id)).size).toBe(1);
    expect(await catalogue.ensureBroker(newBroker("a"))).toEqual({ record: ensured[0]!.record, isNew: false });
    for (const other of [
      { description: "x" },
      { authType: "MTLS" as const },
      { expirationSeconds: 1 },
      { onPublish: { url: "https://a.example/" } },
      { limits: {} },
    ]) {
      await failsWith(catalogue.ensureBroker({ ...newBroker("a"), ...other }), "broker-differs");
    }
    await failsWith(catalogue.ensureBroker({ ...newBroker("a"), namespaceId: "0" }), "namespace-not-found");
    expect(events.map(({ type }) => type)).toEqual(["namespace-created", "broker-created"]);
  });

  test("has an account", () => {
    expect(catalogue.accountId).toMatch(ID);
  });

  describe("API tokens", () => {
    const token = (name: string, namespaceId: string | null = null) =>
      ({ name, scope: "read", namespaceId, hash: `hash of ${name}` }) as const;

    test("are found by id and by hash until they are deleted", async () => {
      const one = await catalogue.createApiToken(token("one"));
      const two = await catalogue.createApiToken(token("two", namespace.id));
      expect(one).toEqual({ ...token("one"), id: expect.stringMatching(ID), createdOn: "2025-01-01T00:00:00.000Z" });
      expect(catalogue.apiTokens()).toEqual([one, two]);
      expect(catalogue.apiToken(two.id)).toBe(two);
      expect(catalogue.apiTokenByHash("hash of two")).toBe(two);
      await catalogue.deleteApiToken(one.id);
      expect(catalogue.apiToken(one.id)).toBeUndefined();
      expect(catalogue.apiTokenByHash("hash of one")).toBeUndefined();
      expect(events).toEqual([
        { type: "api-token-created", apiToken: one },
        { type: "api-token-created", apiToken: two },
        { type: "api-token-deleted", apiToken: one },
      ]);
      await failsWith(catalogue.deleteApiToken(one.id), "api-token-not-found");
    });

    test("end with the namespace that they are good for", async () => {
      const everywhere = await catalogue.createApiToken(token("everywhere"));
      await catalogue.createApiToken(token("here", namespace.id));
      await catalogue.deleteNamespace(namespace.id);
      expect(catalogue.apiTokens()).toEqual([everywhere]);
      expect(catalogue.apiTokenByHash("hash of here")).toBeUndefined();
      await failsWith(catalogue.createApiToken(token("late", namespace.id)), "namespace-not-found");
    });

    test("are limited in number", async () => {
      await Promise.all(Array.from({ length: 1000 }, (_, i) => catalogue.createApiToken(token(String(i)))));
      await failsWith(catalogue.createApiToken(token("one more")), "too-many-api-tokens");
    });
  });

  describe("namespaces", () => {
    test("have an id, a name in lower case and times", async () => {
      nowMs += 1;
      const created = await catalogue.createNamespace({ name: "Second-1", description: "text" });
      const on = "2025-01-01T00:00:00.001Z";
      expect(created).toEqual({
        id: expect.stringMatching(ID),
        name: "second-1",
        description: "text",
        createdOn: on,
        modifiedOn: on,
      });
      expect(catalogue.namespaces()).toEqual([namespace, created]);
      expect(catalogue.namespace("SECOND-1")).toBe(created);
      expect(catalogue.namespaceById(created.id)).toBe(created);
      expect(events).toEqual([{ type: "namespace-created", namespace: created }]);
    });

    test("have names of their own, in any case", async () => {
      await failsWith(catalogue.createNamespace({ name: "FIRST" }), "namespace-exists");
      expect(events).toEqual([]);
    });

    test("are told apart even when created at the same time", async () => {
      const both = await Promise.allSettled([
        catalogue.createNamespace({ name: "same" }),
        catalogue.createNamespace({ name: "Same" }),
      ]);
      expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    });

    test("go", async () => {
      await catalogue.deleteNamespace(namespace.id);
      expect(catalogue.namespaces()).toEqual([]);
      expect(catalogue.namespace("first")).toBeUndefined();
      expect(events).toEqual([{ type: "namespace-deleted", namespace }]);
      await failsWith(catalogue.deleteNamespace(namespace.id), "namespace-not-found");
      expect(await catalogue.createNamespace({ name: "first" })).not.toHaveProperty("id", namespace.id);
    });

    test("stay while they have brokers", async () => {
      const broker = await catalogue.createBroker(newBroker("b"));
      await failsWith(catalogue.deleteNamespace(namespace.id), "namespace-not-empty");
      await catalogue.deleteBroker(broker.id);
      await catalogue.deleteNamespace(namespace.id);
    });

    test("are limited in number", async () => {
      await Promise.all(Array.from({ length: 999 }, (_, i) => catalogue.createNamespace({ name: `n${i}` })));
      await failsWith(catalogue.createNamespace({ name: "one-more" }), "too-many-namespaces");
    });
  });

  describe("brokers", () => {
    test("have settings with defaults", async () => {
      const broker = await catalogue.createBroker(newBroker("My-Broker"));
      expect(broker).toEqual({
        id: expect.stringMatching(ID),
        namespaceId: namespace.id,
        name: "my-broker",
        description: "",
        authType: "TOKEN",
        expirationSeconds: null,
        onPublish: null,
        limits: {},
        keys: [key],
        createdOn: "2025-01-01T00:00:00.000Z",
        modifiedOn: "2025-01-01T00:00:00.000Z",
      });
      expect(catalogue.broker(namespace.id, "MY-broker")).toBe(broker);
      expect(catalogue.brokerById(broker.id)).toBe(broker);
      expect(events).toEqual([{ type: "broker-created", broker }]);
    });

    test("have names of their own within a namespace only", async () => {
      const other = await catalogue.createNamespace({ name: "other" });
      const here = await catalogue.createBroker(newBroker("b"));
      const there = await catalogue.createBroker({ ...newBroker("b"), namespaceId: other.id });
      await failsWith(catalogue.createBroker(newBroker("B")), "broker-exists");
      expect(catalogue.brokers()).toEqual([here, there]);
      expect(catalogue.brokers(other.id)).toEqual([there]);
      expect(catalogue.broker(other.id, "b")).toBe(there);
    });

    test("need a namespace", async () => {
      await failsWith(catalogue.createBroker({ ...newBroker("b"), namespaceId: "x" }), "namespace-not-found");
    });

    test("change what is given only", async () => {
      const before = await catalogue.createBroker({ ...newBroker("b"), description: "text", expirationSeconds: 60 });
      nowMs += 5;
      const broker = await catalogue.updateBroker(before.id, {
        onPublish: { url: "https://example.com/" },
        description: undefined,
      });
      expect(broker).toEqual({
        ...before,
        onPublish: { url: "https://example.com/" },
        modifiedOn: "2025-01-01T00:00:00.005Z",
      });
      expect(events.at(-1)).toEqual({ type: "broker-updated", broker, before });
      const cleared = await catalogue.updateBroker(before.id, { onPublish: null, expirationSeconds: null });
      expect(cleared).toMatchObject({ onPublish: null, expirationSeconds: null, description: "text" });
      expect(catalogue.brokerById(before.id)).toBe(cleared);
    });

    test("say nothing about a change that changes nothing", async () => {
      const onPublish = { url: "https://example.com/" };
      const broker = await catalogue.createBroker({ ...newBroker("b"), onPublish });
      nowMs += 5;
      events.length = 0;
      expect(await catalogue.updateBroker(broker.id, {})).toBe(broker);
      expect(await catalogue.updateBroker(broker.id, { onPublish: { ...onPublish } })).toBe(broker);
      expect(events).toEqual([]);
    });

    test("go, and their revocations with them", async () => {
      const broker = await catalogue.createBroker(newBroker("b"));
      await catalogue.revoke(broker.id, ["x"]);
      await catalogue.deleteBroker(broker.id);
      expect(events.at(-1)).toEqual({ type: "broker-deleted", broker });
      expect(catalogue.brokers()).toEqual([]);
      expect(catalogue.broker(namespace.id, "b")).toBeUndefined();
      expect(catalogue.isRevoked(broker.id, "x")).toBe(false);
      await failsWith(catalogue.deleteBroker(broker.id), "broker-not-found");
      await failsWith(catalogue.updateBroker(broker.id, {}), "broker-not-found");
      await failsWith(catalogue.revoke(broker.id, ["x"]), "broker-not-found");
      await failsWith(catalogue.unrevoke(broker.id, ["x"]), "broker-not-found");
    });

    test("are limited in number", async () => {
      await Promise.all(Array.from({ length: 1000 }, (_, i) => catalogue.createBroker(newBroker(`b${i}`))));
      await failsWith(catalogue.createBroker(newBroker("one-more")), "too-many-brokers");
    });
  });

  describe("revocations", () => {
    test("are sets", async () => {
      const { id } = await catalogue.createBroker(newBroker("b"));
      const other = await catalogue.createBroker(newBroker("other"));
      events.length = 0;
      await catalogue.revoke(id, ["x", "y", "x"]);
      await catalogue.revoke(id, ["y", "z"]);
      await catalogue.revoke(id, ["z"]);
      expect(catalogue.revocations(id)).toEqual(["x", "y", "z"]);
      expect(catalogue.isRevoked(id, "z")).toBe(true);
      expect(catalogue.isRevoked(other.id, "z")).toBe(false);
      await catalogue.unrevoke(id, ["y", "never"]);
      await catalogue.unrevoke(id, ["y"]);
      expect(catalogue.revocations(id)).toEqual(["x", "z"]);
      await catalogue.unrevoke(id, ["x", "z"]);
      expect(catalogue.revocations(id)).toEqual([]);
      expect(events).toEqual([
        { type: "tokens-revoked", brokerId: id, jtis: new Set(["x", "y"]) },
        { type: "tokens-revoked", brokerId: id, jtis: new Set(["z"]) },
        { type: "tokens-unrevoked", brokerId: id, jtis: new Set(["y"]) },
        { type: "tokens-unrevoked", brokerId: id, jtis: new Set(["x", "z"]) },
      ]);
    });

    test("are limited in number, all or none", async () => {
      const { id } = await catalogue.createBroker(newBroker("b"));
      await catalogue.revoke(
        id,
        Array.from({ length: 9_999 }, (_, i) => `j${i}`),
      );
      await failsWith(catalogue.revoke(id, ["new", "newer"]), "too-many-revocations");
      expect(catalogue.revocations(id)).toHaveLength(9_999);
      await catalogue.revoke(id, ["new", "j0", "j1"]);
      expect(catalogue.revocations(id)).toHaveLength(10_000);
    });
  });

  test("watchers are told in order, after the change, until they stop", async () => {
    const seen: unknown[] = [];
    const stop = catalogue.watch((event) => {
      seen.push([event.type, catalogue.namespaces().map(({ name }) => name)]);
    });
    await Promise.all([catalogue.createNamespace({ name: "a" }), catalogue.createNamespace({ name: "b" })]);
    expect(seen.map((each) => (each as [string])[0])).toEqual(["namespace-created", "namespace-created"]);
    expect((seen[0] as [string, string[]])[1]).toContain("a");
    stop();
    await catalogue.createNamespace({ name: "c" });
    expect(seen).toHaveLength(2);
  });

  test("a watcher may change the catalogue", async () => {
    let created: Promise<unknown> | undefined;
    catalogue.watch((event) => {
      if (event.type === "namespace-created") created ??= catalogue.createBroker(newBroker("from-watcher"));
    });
    await catalogue.createNamespace({ name: "a" });
    await created;
    expect(catalogue.broker(namespace.id, "from-watcher")).toBeDefined();
  });

  test("takes no change after it was closed", async () => {
    const change = catalogue.createNamespace({ name: "just-in-time" });
    await catalogue.close();
    await change;
    await expect(catalogue.createNamespace({ name: "late" })).rejects.toThrow("closed");
    await catalogue.close();
  });
}
