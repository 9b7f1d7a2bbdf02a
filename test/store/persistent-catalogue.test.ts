import { expect, test } from "vitest";
import { generateSigningKey } from "../../src/auth/index.ts";
import { PersistentCatalogue } from "../../src/store/persistent-catalogue.ts";
import { type CatalogueState, emptyState } from "../../src/store/state.ts";

/** A catalogue whose writes end when the test says so. */
function open() {
  const writes: { state: CatalogueState; done: () => void; fail: (error: Error) => void }[] = [];
  const catalogue = new PersistentCatalogue(emptyState("a".repeat(32)), {
    persist: (state) => new Promise((done, fail) => writes.push({ state, done, fail })),
    now: () => 0,
  });
  const events: string[] = [];
  catalogue.watch((event) => events.push(event.type));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { catalogue, writes, events, turn };
}

test("readers and watchers see what is kept only", async () => {
  const { catalogue, writes, events, turn } = open();
  const created = catalogue.createNamespace({ name: "a" });
  await turn();
  expect(catalogue.namespaces()).toEqual([]);
  expect(events).toEqual([]);
  writes[0]!.done();
  await created;
  expect(catalogue.namespace("a")).toBeDefined();
  expect(events).toEqual(["namespace-created"]);
});

test("changes that come together are written together", async () => {
  const { catalogue, writes, turn } = open();
  const first = ["a", "b"].map((name) => catalogue.createNamespace({ name }));
  await turn();
  const second = ["c", "d", "e"].map((name) => catalogue.createNamespace({ name }));
  await turn();
  expect(writes).toHaveLength(1);
  writes[0]!.done();
  await Promise.all(first);
  await turn();
  expect(writes).toHaveLength(2);
  writes[1]!.done();
  await Promise.all(second);
  expect(writes.map(({ state }) => state.namespaces.size)).toEqual([2, 5]);
});

test("a failed write undoes its changes and those built on them", async () => {
  const { catalogue, writes, events, turn } = open();
  const namespace = catalogue.createNamespace({ name: "a" });
  const failure = { code: "storage-failed", cause: new Error("no space") };
  const failed = [expect(namespace).rejects.toMatchObject(failure)];
  await turn();
  failed.push(expect(catalogue.createNamespace({ name: "b" })).rejects.toMatchObject(failure));
  writes[0]!.fail(new Error("no space"));
  await Promise.all(failed);
  expect(catalogue.namespaces()).toEqual([]);
  expect(events).toEqual([]);

  // Afterwards it goes on, without what failed.
  const again = catalogue.createNamespace({ name: "a" });
  await turn();
  writes[1]!.done();
  const { id } = await again;
  expect(catalogue.namespaces().map(({ name }) => name)).toEqual(["a"]);
  const broker = catalogue.createBroker({ namespaceId: id, name: "x", keys: [await generateSigningKey()] });
  await turn();
  writes[2]!.done();
  await broker;
});

test("a change that changes nothing waits for the changes that it relies on", async () => {
  const { catalogue, writes, turn } = open();
  const namespace = catalogue.createNamespace({ name: "a" });
  await turn();
  writes[0]!.done();
  const { id: namespaceId } = await namespace;
  const created = catalogue.createBroker({ namespaceId, name: "b", keys: [await generateSigningKey()] });
  await turn();
  writes[1]!.done();
  const { id } = await created;

  const revoked = catalogue.revoke(id, ["x"]);
  await turn();
  let again = false;
  const revokedAgain = catalogue.revoke(id, ["x"]).then(() => (again = true));
  await turn();
  expect(again).toBe(false);
  writes[2]!.done();
  await Promise.all([revoked, revokedAgain]);
  // Nothing new to write.
  expect(writes).toHaveLength(3);
});

test("close waits for the changes under way", async () => {
  const { catalogue, writes, turn } = open();
  const created = catalogue.createNamespace({ name: "a" });
  await turn();
  let closed = false;
  const closing = catalogue.close().then(() => (closed = true));
  await turn();
  expect(closed).toBe(false);
  writes[0]!.done();
  await Promise.all([created, closing]);
});
