/**
 * What was measured, kept in a file, so that a run that is interrupted loses nothing and a scenario can be measured
 * again by itself. RESULTS.md is made of it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Growth } from "./growth.ts";
import type { Metric } from "./measurement.ts";
import type { Rounds } from "./run.ts";
import { median } from "./statistics.ts";

/** Median of the rounds, the lowest and the highest. */
export type Spread = readonly [median: number, low: number, high: number];

export interface ScenarioResult {
  /** ISO 8601, the day. */
  readonly measuredOn: string;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly brokers: Readonly<Record<string, Readonly<Partial<Record<Metric, Spread>>>>>;
}

export interface Results {
  readonly machine: string;
  readonly versions: Record<string, string>;
  readonly scenarios: Record<string, ScenarioResult>;
  growth?: Growth;
}

const FILE = "bench/results.json";

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

export function summarize(rounds: Rounds, isQuick: boolean): ScenarioResult {
  const brokers = Object.entries(rounds).map(([name, measurements]) => {
    const metrics = new Set(measurements.flatMap((measurement) => Object.keys(measurement) as Metric[]));
    const spreads = [...metrics].map((metric) => {
      const values = measurements.map((measurement) => measurement[metric]).filter((value) => value != null);
      return [metric, [median(values), Math.min(...values), Math.max(...values)].map(rounded)] as const;
    });
    return [name, Object.fromEntries(spreads)] as const;
  });
  const count = Math.max(...Object.values(rounds).map(({ length }) => length));
  return { measuredOn: today(), rounds: count, isQuick, brokers: Object.fromEntries(brokers) };
}

const rounded = (value: number) => Number(value.toPrecision(4));

/** The results in the file if they are of this machine, none otherwise. */
export function readResults(machine: string, versions: Record<string, string>): Results {
  const known = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Results) : undefined;
  if (known?.machine !== machine) return { machine, versions, scenarios: {} };
  return { ...known, versions };
}

export function writeResults(results: Results): void {
  // A spread to a line.
  const text = JSON.stringify(results, undefined, 1).replaceAll(/\[\s+([^[\]{}]*?)\s+\]/g, (_, list: string) => {
    return `[${list.replaceAll(/\s+/g, " ")}]`;
  });
  // Never half a file, whenever it ends.
  writeFileSync(`${FILE}.new`, `${text}\n`);
  renameSync(`${FILE}.new`, FILE);
}
