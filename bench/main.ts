/**
 * Measures our built server and its peers side by side.
 *
 *   npm run bench                          everything, five rounds
 *   npm run bench -- pairs fan-out-10-qos0 scenarios whose name begins so
 *   npm run bench -- --rounds 9            more rounds
 *   npm run bench -- --quick               one short round: does it run, and what is the order of magnitude?
 *   npm run bench -- --brokers sink,aedes  some of the brokers only
 *   npm run bench -- --write               and updates bench/RESULTS.md
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { brokerKinds, type BrokerKind } from "./brokers.ts";
import { GENERATOR_CORE, pinned } from "./cores.ts";
import type { Job, Measurement } from "./load.ts";
import { document, machine, table, utilisation, type Rounds } from "./report.ts";
import { scenarios, type Scenario } from "./scenarios.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    quick: { type: "boolean", default: false },
    brokers: { type: "string", default: brokerKinds.map((kind) => kind.name).join(",") },
    write: { type: "boolean", default: false },
  },
});

const rounds = options.quick ? 1 : Number(options.rounds);
const { warmUpMs, measureMs } = options.quick ? { warmUpMs: 500, measureMs: 500 } : { warmUpMs: 1500, measureMs: 2000 };
const chosenScenarios = choose(scenarios, positionals, (scenario, name) => scenario.name.startsWith(name));
const chosenBrokers = choose(brokerKinds, options.brokers.split(","), (kind, name) => kind.name === name);

function choose<T>(all: readonly T[], names: string[], matches: (item: T, name: string) => boolean): T[] {
  const unknown = names.find((name) => !all.some((item) => matches(item, name)));
  if (unknown !== undefined) {
    const known = [...scenarios, ...brokerKinds].map((item) => item.name).join(", ");
    console.error(`bench: nothing is called ${unknown}. There are: ${known}`);
    process.exit(2);
  }
  return names.length === 0 ? [...all] : all.filter((item) => names.some((name) => matches(item, name)));
}

async function measure(kind: BrokerKind, scenario: Scenario): Promise<Measurement> {
  const broker = await kind.start();
  try {
    const job: Job = { port: broker.port, pid: broker.pid, scenario, warmUpMs, measureMs };
    const script = path.join(import.meta.dirname, "load.mjs");
    const [file, ...args] = pinned(GENERATOR_CORE, [process.execPath, script, JSON.stringify(job)]);
    const { stdout } = await promisify(execFile)(file!, args);
    return JSON.parse(stdout) as Measurement;
  } finally {
    await broker.stop();
  }
}

const results = new Map<Scenario, Rounds>();
console.error(machine());
for (const scenario of chosenScenarios) {
  const measurements = new Map<string, Measurement[]>(chosenBrokers.map((kind) => [kind.name, []]));
  results.set(scenario, measurements);
  for (let round = 0; round < rounds; round++) {
    for (const kind of chosenBrokers) {
      const measurement = await measure(kind, scenario);
      measurements.get(kind.name)!.push(measurement);
      const rate = Math.round(measurement.deliveriesPerSecond / 1000);
      console.error(`${scenario.name} ${round + 1}/${rounds} ${kind.name}: ${rate} k/s`);
    }
  }
}
const names = chosenBrokers.map((kind) => kind.name);
console.log(`\nThousands of deliveries per second (broker CPU seconds per million)\n\n${table(names, results)}`);
console.log(`\nShare of a core used: broker / load generator\n\n${utilisation(names, results)}`);
if (options.write) writeFileSync("bench/RESULTS.md", document(chosenBrokers, results, rounds, measureMs));
