/** PUT of a namespace or broker: it is there afterwards, as it was described, however often that is asked. */
import { beforeEach, expect, test } from "vitest";
import { B, N, harness } from "./harness.ts";

let api: ReturnType<typeof harness>;
beforeEach(() => {
  api = harness();
});

/** Status and result. */
async function put(path: string, body?: object) {
  const response = await api.request(`PUT ${path}`, body);
  const { result } = (await response.json()) as { result: unknown };
  return { status: response.status, result, etag: response.headers.get("etag") };
}

test("a namespace: 201 where it is new, 200 with the same one afterwards", async () => {
  const first = await put(`${N}/My-NS`, { description: "tills" });
  expect(first).toMatchObject({ status: 201, result: { name: "my-ns", description: "tills" } });
  for (const body of [undefined, {}, { description: "tills" }]) {
    expect(await put(`${N}/my-ns`, body)).toEqual({ ...first, status: 200 });
  }
  expect(await api.refused("namespace-differs", `PUT ${N}/my-ns`, { description: "" })).toBe(
    "the namespace my-ns exists with another description",
  );
  expect(await api.call("listNamespaces", `GET ${N}`)).toEqual([first.result]);
});

test("a broker: what the body leaves out may be as it is", async () => {
  await api.refused("namespace-not-found", `PUT ${B}`);
  await put(`${N}/ns`);
  const settings = { expiration: 60, on_publish: { url: "https://hook.example/" }, limits: { inflightMax: 5 } };
  const first = await put(B, { ...settings, auth_type: "TOKEN" });
  expect(first).toMatchObject({ status: 201, result: { name: "b", ...settings }, etag: expect.any(String) });
  for (const body of [{}, settings, { authType: "TOKEN", description: "" }]) {
    expect(await put(B, body)).toEqual({ ...first, status: 200 });
  }
  expect(await api.refused("broker-differs", `PUT ${B}`, { expiration: null, on_publish: { url: null } })).toBe(
    "the broker b exists with another expiration, on_publish",
  );
  await api.refused("broker-differs", `PUT ${B}`, { authType: "MTLS" });
  await api.refused("broker-differs", `PUT ${B}`, { limits: {} });
  expect(await api.call("describeBroker", `GET ${B}`)).toEqual(first.result);
});

test("names and settings are checked as for POST, which still refuses what exists", async () => {
  await api.refused("invalid-request", `PUT ${N}/1a`);
  await put(`${N}/ns`);
  expect(await api.refused("invalid-request", `PUT ${B}`, { expiration: 0 })).toContain(
    "expiration: must be at least 1",
  );
  await api.refused("namespace-exists", `POST ${N}`, { name: "ns" });
});
