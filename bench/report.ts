/** Medians, ratios and the table, the same on the terminal and in RESULTS.md. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import type { BrokerKind } from "./brokers.ts";
import { canPin } from "./cores.ts";
import type { Measurement } from "./load.ts";
import type { Scenario } from "./scenarios.ts";

/** Per broker, the measurements of each round of one scenario. */
export type Rounds = ReadonlyMap<string, readonly Measurement[]>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function medianOf(rounds: Rounds, name: string, key: keyof Measurement): number {
  return median((rounds.get(name) ?? []).map((measurement) => measurement[key]));
}

/** Thousands of deliveries per second (broker CPU seconds per million deliveries). */
function cell(rounds: Rounds, name: string): string {
  const lost = medianOf(rounds, name, "lost");
  const rate = Math.round(medianOf(rounds, name, "deliveriesPerSecond") / 1000);
  return `${rate} (${number(medianOf(rounds, name, "cpuPerMillion"))})${lost > 0 ? ` lost ${lost}` : ""}`;
}

function ratio(rounds: Rounds, ours: string, peer: string, key: keyof Measurement): string {
  return `${number(medianOf(rounds, ours, key) / medianOf(rounds, peer, key))}×`;
}

/** Two significant digits below ten, whole numbers above. */
function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

export function table(names: readonly string[], results: ReadonlyMap<Scenario, Rounds>): string {
  const [ours, ...others] = names;
  const peers = others.filter((name) => name !== "sink");
  const header = [
    "scenario",
    ...names,
    ...peers.map((peer) => `${ours} / ${peer}`),
    ...peers.map((peer) => `CPU ${ours} / ${peer}`),
  ];
  const rows = [...results].map(([scenario, rounds]) => [
    scenario.name,
    ...names.map((name) => cell(rounds, name)),
    ...peers.map((peer) => ratio(rounds, ours!, peer, "deliveriesPerSecond")),
    ...peers.map((peer) => ratio(rounds, ours!, peer, "cpuPerMillion")),
  ]);
  return aligned([header, ...rows]);
}

/** Share of their cores that broker and generator used: below 100 % on both sides, neither was the bottleneck. */
export function utilisation(names: readonly string[], results: ReadonlyMap<Scenario, Rounds>): string {
  const percent = (value: number) => (Number.isFinite(value) ? `${Math.round(value * 100)} %` : "–");
  const rows = [...results].map(([scenario, rounds]) => [
    scenario.name,
    ...names.map(
      (name) =>
        `${percent(medianOf(rounds, name, "brokerCore"))} / ${percent(medianOf(rounds, name, "generatorCore"))}`,
    ),
  ]);
  return aligned([["scenario", ...names], ...rows]);
}

function aligned([header, ...rows]: string[][]): string {
  const all = [header!, ...rows];
  const widths = header!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: string[]) => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(header!), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

export function machine(): string {
  const os = /PRETTY_NAME="(.*)"/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  const model = cpus()[0]?.model.trim();
  const memory = Math.round(totalmem() / 2 ** 30);
  const pinning = canPin ? "broker on one core, load generator on the other" : "nothing pinned to a core";
  return `${cpus().length} × ${model}, ${memory} GiB, ${os}, kernel ${release()}, Node ${process.versions.node}; ${pinning}`;
}

export function document(
  kinds: readonly BrokerKind[],
  results: ReadonlyMap<Scenario, Rounds>,
  rounds: number,
  measureMs: number,
): string {
  const names = kinds.map((kind) => kind.name);
  const [scenario] = results.keys();
  return `# Results

Written by \`npm run bench -- --write\` on ${new Date().toISOString().slice(0, 10)}. Do not edit.

Machine: ${machine()}.

Brokers: ${kinds
    .map((kind) => `${kind.name} ${kind.version()}`)
    .join(", ")
    .replace(/sink .*/, "and the sink, which only passes bytes on: the load generator's own ceiling")}.

Medians of ${rounds} rounds of ${measureMs / 1000} s each after a warm-up, brokers in turn within each round, each started afresh.
${scenario!.payloadBytes}-byte payloads, MQTT 3.1.1, closed loop with at most ${scenario!.windowDeliveries} deliveries on their way, at QoS 1 at most ${scenario!.windowUnacknowledged} publishes
without PUBACK per publisher.

## Thousands of deliveries per second (broker CPU seconds per million deliveries)

${table(names, results)}

## Share of a core used: broker / load generator

${utilisation(names, results)}
`;
}
