/** SQL over HTTP, as curl and Grafana send it. */
import { expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { ACCOUNT, TOKEN, harness } from "./harness.ts";

const SQL = `/accounts/${ACCOUNT}/analytics_engine/sql`;

function world() {
  const asked: string[] = [];
  const api = harness({
    queryAnalytics: async (query) => {
      asked.push(query);
      if (query.includes("wrong")) return { refused: "no column wrong (line 1, column 8)\nSELECT wrong\n       ^" };
      return { body: '{"data":[]}', contentType: "application/json", remarks: query.includes("CASE") ? ["CASE"] : [] };
    },
  });
  const client = createClient({
    baseUrl: "http://localhost/client/v4",
    apiToken: TOKEN,
    fetch: async (url, request) => await api.app.request(url, request),
  });
  return { ...api, asked, client };
}

test("the body of a POST, or a GET's parameter, is the query; the answer is as it is", async () => {
  const { request, asked } = world();
  for (const response of [
    await request(`POST ${SQL}`, "SELECT 'ü' + \n1"),
    await request(`GET ${SQL}?query=${encodeURIComponent("SELECT 'ü' + \n1")}`),
  ]) {
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-pubsub-remarks")).toBeNull();
    expect(await response.text()).toBe('{"data":[]}');
  }
  expect(asked).toEqual(["SELECT 'ü' + \n1", "SELECT 'ü' + \n1"]);
});

test("a query that cannot be answered gets 422 and a text", async () => {
  const { request, client } = world();
  const response = await request(`POST ${SQL}`, "SELECT wrong");
  expect([response.status, response.headers.get("content-type")]).toEqual([422, "text/plain; charset=utf-8"]);
  expect(await response.text()).toMatch(/^Input was invalid: no column wrong/);
  await expect(client.queryAnalytics({ text: "SELECT wrong" })).rejects.toMatchObject({
    code: "query-invalid",
    message: expect.stringMatching(/^no column wrong[^]*\^$/),
  });
});

test("what Cloudflare does not document is told in a header", async () => {
  const { client } = world();
  expect(await client.queryAnalytics({ text: "SELECT CASE …" })).toEqual({ text: '{"data":[]}', remarks: ["CASE"] });
});

test("tokens, accounts and sizes are as everywhere", async () => {
  const { app, refused, asked } = world();
  expect((await app.request(`http://localhost/client/v4${SQL}`, { method: "POST", body: "SELECT 1" })).status).toBe(
    401,
  );
  await refused("account-not-found", `POST ${SQL.replace(ACCOUNT, "f".repeat(32))}`, "SELECT 1");
  await refused("body-too-large", `POST ${SQL}`, "x".repeat(2 ** 20 + 1));
  expect(await refused("invalid-request", `GET ${SQL}`)).toBe("query: is required");
  expect(asked).toEqual([]);
});
