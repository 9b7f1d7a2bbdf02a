/** Datasets of Analytics Engine in Workers. */
import { expect, test } from "vitest";
import type { WorkerPoint } from "../../../src/hooks/worker/points.ts";
import { RunningWorker, project } from "./world.ts";

const configuration = `
name = "writer"
main = "worker.js"
compatibility_date = "2022-05-10"
[[analytics_engine_datasets]]
binding = "POINTS"
[[analytics_engine_datasets]]
binding = "OTHERS"
dataset = "others"
`;

const source = `
const failed = (write) => { try { write(); return "no error"; } catch (error) { return error.name + ": " + error.message; } };
export default {
  async pubsub(messages, env, ctx) {
    const points = JSON.parse(new TextDecoder().decode(messages[0].payload));
    for (const point of points) env.POINTS.writeDataPoint(point);
    return messages;
  },
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/forms") {
      env.POINTS.writeDataPoint({ indexes: ["i"], blobs: ["a", null, new TextEncoder().encode("ü")], doubles: [1, NaN] });
      env.POINTS.writeDataPoint({ labels: ["a", "b"], metrics: [2] });
      env.OTHERS.writeDataPoint();
      ctx.waitUntil(scheduler.wait(1).then(() => env.OTHERS.writeDataPoint({ doubles: [-3] })));
    }
    if (pathname === "/many") for (let i = 0; i < 30; i++) (i % 2 ? env.POINTS : env.OTHERS).writeDataPoint({ doubles: [i] });
    if (pathname === "/wrong") {
      return Response.json([
        failed(() => env.POINTS.writeDataPoint({ blobs: Array(21).fill("x") })),
        failed(() => env.POINTS.writeDataPoint({ doubles: Array(21).fill(1) })),
        failed(() => env.POINTS.writeDataPoint({ indexes: ["a", "b"] })),
        failed(() => env.POINTS.writeDataPoint({ indexes: ["ä".repeat(49)] })),
        failed(() => env.POINTS.writeDataPoint({ blobs: ["x".repeat(16385)] })),
        failed(() => env.POINTS.writeDataPoint({ blobs: ["x".repeat(16384)] })),
      ]);
    }
    return new Response(Object.keys(env).join());
  },
};
`;

test("points of both forms are kept, within Cloudflare's limits, and none is lost at the end", async () => {
  const written: [dataset: string, point: WorkerPoint][] = [];
  const folder = project({ "wrangler.toml": configuration, "worker.js": source });
  const worker = await RunningWorker.start(folder, {
    writePoints: async (dataset, points) => {
      await new Promise(setImmediate);
      written.push(...points.map((point): [string, WorkerPoint] => [dataset, point]));
    },
  });
  const get = async (path: string) => await (await fetch(new URL(path, worker.addresses.url))).text();
  expect((await get("/forms")).split(",").toSorted()).toEqual(["BROKER", "BROKER_PUBLIC_KEYS", "OTHERS", "POINTS"]);
  expect(JSON.parse(await get("/wrong"))).toEqual([
    "TypeError: writeDataPoint(): Maximum of 20 blobs supported.",
    "TypeError: writeDataPoint(): Maximum of 20 doubles supported.",
    "TypeError: writeDataPoint(): Maximum of 1 indexes supported.",
    "TypeError: writeDataPoint(): Size of indexes[0] exceeds 96 bytes.",
    "TypeError: writeDataPoint(): Cumulative size of blobs exceeds 16384 bytes.",
    "no error",
  ]);
  await get("/many");
  await worker.says("remark", /more than 25 points in one invocation/);
  const payload = Buffer.from(JSON.stringify([{ labels: ["terminal"], metrics: [7] }]));
  for (let count = 0; count < 40; count++) await worker.publish({ payload });
  await worker.stop();

  const now = Date.now() / 1000;
  for (const [, { timestamp }] of written) expect(Math.abs(now - timestamp)).toBeLessThan(60);
  const of = (dataset: string) => written.filter(([name]) => name === dataset).map(([, point]) => point);
  const without = ({ index, blobs, doubles }: WorkerPoint) => ({ index, blobs, doubles });
  expect(of("POINTS").slice(0, 2).map(without)).toEqual([
    { index: "i", blobs: ["a", "", "ü"], doubles: [1, NaN] },
    { index: "", blobs: ["a", "b"], doubles: [2] },
  ]);
  expect(of("others").map(({ doubles }) => doubles[0])).toEqual(expect.arrayContaining([undefined, -3]));
  // Of /many, 25 in all.
  expect(written.filter(([, { blobs, doubles }]) => blobs.length === 0 && doubles[0] !== -3)).toHaveLength(1 + 25);
  expect(of("POINTS").filter(({ blobs }) => blobs[0] === "terminal")).toHaveLength(40);
});
