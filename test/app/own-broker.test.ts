import { expect, it } from "vitest";
import { readUnverifiedToken, verifyToken } from "../../src/auth/index.ts";
import { openOwnBroker } from "../../src/own-broker.ts";
import { createMemoryCatalogue } from "../../src/store/index.ts";

const names = { namespace: "Local", broker: "Dev" };
const hookUrl = "http://127.0.0.1:8787/";

it("is made with its namespace, once", async () => {
  const catalogue = createMemoryCatalogue();
  const first = await openOwnBroker(catalogue, names);
  expect(first).toMatchObject({ namespace: "local", broker: "dev", hookUrl: undefined });
  const [record] = catalogue.brokers();
  await openOwnBroker(catalogue, names);
  expect(catalogue.namespaces()).toHaveLength(1);
  expect(catalogue.brokers()).toEqual([record]);
});

it("has the hook that it had", async () => {
  const catalogue = createMemoryCatalogue();
  await openOwnBroker(catalogue, names);
  await catalogue.updateBroker(catalogue.brokers()[0]!.id, { onPublish: { url: hookUrl } });
  expect(await openOwnBroker(catalogue, names)).toMatchObject({ hookUrl });
});

it("has the hook that is given from the start, beside the settings from before", async () => {
  const catalogue = createMemoryCatalogue();
  await openOwnBroker(catalogue, { ...names, onPublish: { url: hookUrl, on_failure: "pass" } });
  expect(catalogue.brokers()[0]!.onPublish).toEqual({ url: hookUrl, onFailure: "pass" });
  const other = "http://127.0.0.1:8788/";
  expect(await openOwnBroker(catalogue, { ...names, onPublish: { url: other } })).toMatchObject({ hookUrl: other });
  expect(catalogue.brokers()[0]!.onPublish).toEqual({ url: other, onFailure: "pass" });
});

it("is not opened with a hook that cannot be", async () => {
  const given = { ...names, onPublish: { dead_letter_topic: "$SYS/letters" } };
  const opened = openOwnBroker(createMemoryCatalogue(), given);
  await expect(opened).rejects.toMatchObject({ code: "invalid-request", message: expect.stringContaining("$") });
});

it("issues tokens that last as long as the broker says, each for another client", async () => {
  const catalogue = createMemoryCatalogue();
  const own = await openOwnBroker(catalogue, names);
  const [{ id, keys }] = catalogue.brokers() as [ReturnType<typeof catalogue.brokers>[number]];
  const forEver = own.issueToken();
  expect(readUnverifiedToken(forEver.token)?.claims).not.toHaveProperty("exp");
  await catalogue.updateBroker(id, { expirationSeconds: 60 });
  const { clientId, token } = own.issueToken();
  expect(clientId).not.toBe(forEver.clientId);
  const expectations = { keys, issuer: "local", audience: "dev", isRevoked: () => false };
  const inTime = verifyToken(token, { ...expectations, nowMs: Date.now() });
  expect(inTime).toMatchObject({ ok: true, claims: { clientId, topicAcl: "#" } });
  expect(verifyToken(token, { ...expectations, nowMs: Date.now() + 61_000 })).toMatchObject({ ok: false });
});
