/** The announcement's example: payment terminals publish, a Worker writes points, and SQL tells of them. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import mqtt from "mqtt";
import { expect, test } from "vitest";
import { World } from "./world.ts";

const configuration = `
name = "payments"
main = "worker.js"
compatibility_date = "2022-05-10"
[[analytics_engine_datasets]]
binding = "PAYMENTS"
`;

const worker = `
import { isValidBrokerRequest } from "@cloudflare/pubsub";
export default {
  async fetch(request, env, ctx) {
    if (!(await isValidBrokerRequest(request, env.BROKER_PUBLIC_KEYS))) return new Response("not signed", { status: 403 });
    const messages = await request.json();
    for (const { clientId, payload } of messages) {
      const { region, amount } = JSON.parse(payload);
      env.PAYMENTS.writeDataPoint({ labels: [clientId, region], metrics: [amount] });
    }
    return Response.json(messages);
  },
};
`;

test("payments by region, from the command line and with curl", async () => {
  const world = await World.create();
  await writeFile(join(world.folder, "wrangler.toml"), configuration);
  await writeFile(join(world.folder, "worker.js"), worker);
  const ready = await world.dev(".");
  expect((await world.run(["analytics", "datasets"])).stderr).toContain("No dataset yet");

  const client = await mqtt.connectAsync(ready.mqtt, {
    ...{ protocolVersion: 5, clientId: ready.clientId, username: "x", password: ready.clientToken },
  });
  const payments = [
    ["eu", 12.5],
    ["us", 7],
    ["eu", 20],
    ["ap", 3.25],
  ] as const;
  const properties = { payloadFormatIndicator: true };
  for (const [region, amount] of payments) {
    await client.publishAsync("transactions", JSON.stringify({ region, amount }), { qos: 1, properties });
  }
  await client.endAsync();

  const sql =
    "SELECT label_2 AS region, count() AS payments, SUM(metric_1) AS total FROM PAYMENTS GROUP BY region ORDER BY total DESC";
  // A point is on its way when the publisher has its acknowledgement: 0.1 ms, usually.
  await expect
    .poll(async () => (await world.run(["analytics", "query", "SELECT count() AS n FROM PAYMENTS"])).stdout)
    .toBe("n\n4\n");
  expect(await world.run(["analytics", "query", sql])).toMatchObject({
    code: 0,
    stdout: "region  payments  total\neu      2         32.5\nus      1         7\nap      1         3.25\n",
    stderr: "",
  });
  const response = await fetch(`${ready.api}/accounts/${ready.accountId}/analytics_engine/sql`, {
    method: "POST",
    headers: { authorization: `Bearer ${ready.apiToken}` },
    body: `${sql} LIMIT 1 FORMAT JSON`,
  });
  expect(await response.json()).toEqual({
    meta: [
      { name: "region", type: "String" },
      { name: "payments", type: "UInt64" },
      { name: "total", type: "Float64" },
    ],
    data: [{ region: "eu", payments: "2", total: 32.5 }],
    rows: 1,
    rows_before_limit_at_least: 3,
  });
  expect(await world.run(["analytics", "query", "SELECT total FROM PAYMENTS"])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: no column total \(line 1, column 8\)\n/),
  });
  await ready.process.stop();
  expect(existsSync(join(world.folder, ".pubsub/analytics/PAYMENTS/000001.ndjson"))).toBe(true);
}, 60_000);
