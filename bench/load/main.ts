/**
 * The load generator, a process of its own: sets up what the job in its argument asks for and says so; then measures once
 * for each line of its input, which is a Timing, and answers with a line of JSON.
 *
 *   node load/main.mjs '{"port":1883,"pid":4711,"work":{…}}'
 */
import { createInterface } from "node:readline";
import type { Timing } from "../measurement.ts";
import type { Work } from "../scenarios.ts";
import { AcknowledgementLoop } from "./acknowledgements.ts";
import { ClosedLoop } from "./closed-loop.ts";
import { ConnectStorm, IdleConnections } from "./connections.ts";
import { LatencyLoop } from "./latency.ts";
import { RetainedReader } from "./retained.ts";
import type { Target, Workload } from "./workload.ts";

export interface Job extends Target {
  readonly work: Work;
}

async function setUp({ work, ...target }: Job): Promise<Workload> {
  switch (work.kind) {
    case "traffic":
      return await ClosedLoop.create(target, work);
    case "latency":
      return await LatencyLoop.create(target, work);
    case "acknowledgements":
      return await AcknowledgementLoop.create(target, work);
    case "retained":
      return await RetainedReader.create(target, work);
    case "connects":
      return await ConnectStorm.create(target, work);
    case "idle":
      return new IdleConnections(target, work);
  }
}

const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

process.on("uncaughtException", ({ message }) => {
  console.error(`load: ${message}`);
  process.exit(1);
});
const workload = await setUp(JSON.parse(process.argv[2] ?? "{}") as Job);
say("ready");
for await (const line of createInterface({ input: process.stdin })) {
  say(await workload.measure(JSON.parse(line) as Timing));
}
process.exit(0);
