/**
 * Measures our built server and its peers side by side.
 *
 *   npm run bench                          everything, five rounds
 *   npm run bench -- --list                what there is
 *   npm run bench -- pairs fan-out-10      one scenario, or those whose names begin so
 *   npm run bench -- --rounds 9            more rounds
 *   npm run bench -- --quick               one short round: does it run, and what is the order of magnitude?
 *   npm run bench -- --brokers sink,aedes  some of the brokers only
 *   npm run bench -- --write               and keeps it in bench/results.json, bench/RESULTS.md and bench/growth.svg
 *   npm run bench -- --profile pairs-qos0  where our broker spends its time in a scenario
 *   npm run bench -- --render              writes the last two anew without measuring
 *
 * With --write the files are written after each scenario: whatever ends the run, what it has finished is kept.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { brokerKinds } from "./brokers.ts";
import { growthChart } from "./chart.ts";
import { killAll } from "./children.ts";
import { moveAside } from "./cores.ts";
import type { Measurement } from "./measurement.ts";
import { document, goalSection, machine, tables } from "./report.ts";
import { profile } from "./profile.ts";
import { readResults, summarize, writeResults } from "./results.ts";
import { measureGrowth, run } from "./run.ts";
import { hasGenerator, scenarios, type Scenario } from "./scenarios.ts";
import { number } from "./table.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    brokers: { type: "string" },
    list: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    render: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});

const rounds = options.quick ? 1 : Number(options.rounds);
const only = options.brokers?.split(",");
const isNamed = ({ name }: Scenario, wanted: string) =>
  scenarios.some((scenario) => scenario.name === wanted) ? name === wanted : name.startsWith(wanted);
const chosen = scenarios.filter(
  (scenario) => positionals.length === 0 || positionals.some((wanted) => isNamed(scenario, wanted)),
);

function refuse(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

if (!Number.isInteger(rounds) || rounds < 1) refuse("--rounds is a whole number from 1");
const unknown = positionals.find((wanted) => !scenarios.some((scenario) => isNamed(scenario, wanted)));
if (unknown !== undefined) refuse(`no scenario is called ${unknown}; --list prints their names`);
const stranger = only?.find((name) => !brokerKinds.some((kind) => kind.name === name));
if (stranger !== undefined)
  refuse(`no broker is called ${stranger}; there are ${brokerKinds.map(({ name }) => name).join(", ")}`);

const peers = brokerKinds.filter((kind) => kind.version() !== "" && !kind.name.includes("+"));
const versions = Object.fromEntries(peers.map((kind) => [kind.name, kind.version()]));
const results = readResults(machine(), versions);
const finished: string[] = [];
let failures = 0;
let isInterrupted = false;

function writeDocuments(): void {
  writeFileSync("bench/RESULTS.md", document(results));
  if (results.growth) writeFileSync("bench/growth.svg", growthChart(results.growth));
}

async function measure(scenario: Scenario): Promise<void> {
  if (scenario.work.kind === "growth") {
    console.error("growth");
    results.growth = await measureGrowth(options.quick);
  } else {
    const onRound = (round: number, broker: string, measurement: Measurement) =>
      console.error(`${scenario.name} ${round + 1} ${broker}: ${brief(measurement)}`);
    const measured = await run(scenario, { rounds, isQuick: options.quick, only, onRound });
    results.scenarios[scenario.name] = summarize(measured, options.quick);
  }
  finished.push(scenario.name);
  if (!options.write) return;
  writeResults(results);
  writeDocuments();
}

const MiB = 1024 * 1024;

function brief({
  perSecond,
  cpuPerMillion,
  p50,
  p99,
  p999,
  ms,
  bytesPerConnection,
  lost = 0,
  ...more
}: Measurement): string {
  const parts = [
    perSecond !== undefined &&
      `${number(perSecond / 1000)} k/s${cpuPerMillion === undefined ? "" : ` (${number(cpuPerMillion)} s CPU per million)`}`,
    p50 !== undefined && `${number(p50)} / ${number(p99)} / ${number(p999)} µs`,
    ms !== undefined && `${number(ms)} ms`,
    bytesPerConnection !== undefined && `${number(bytesPerConnection)} bytes per connection`,
    more.cpuSeconds !== undefined && `${number(more.cpuSeconds)} s CPU`,
    more.peakBytes !== undefined &&
      `${number((more.memoryBytes ?? NaN) / MiB)} MiB, at most ${number(more.peakBytes / MiB)}`,
    lost > 0 && `lost ${lost}`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}

function conclude(): never {
  console.log(`\n${[tables(results, finished), goalSection(results, finished)].filter(Boolean).join("\n\n")}`);
  process.exit(isInterrupted ? 130 : failures > 0 ? 1 : 0);
}

/** The scenario that is being measured fails with its processes. */
function interrupt(): void {
  isInterrupted = true;
  killAll();
}

if (options.list) {
  for (const { name, title, brokers } of scenarios)
    console.log(`${name.padEnd(18)}${title.padEnd(56)}${brokers.join(", ")}`);
} else if (options.render) {
  writeDocuments();
} else if (options.profile) {
  moveAside();
  const [scenario] = chosen;
  if (chosen.length !== 1 || !hasGenerator(scenario!.work))
    refuse("--profile takes one scenario with a load generator");
  console.log(await profile(scenario!.work));
} else {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
  moveAside();
  console.error(machine());
  for (const scenario of chosen) {
    if (isInterrupted) break;
    try {
      await measure(scenario);
    } catch (error) {
      if (isInterrupted) break;
      failures++;
      console.error(`bench: ${scenario.name} failed: ${(error as Error).message}`);
    }
  }
  conclude();
}
