import type { Measurement, Timing } from "../measurement.ts";
import { cpuSeconds, residentBytes } from "../process.ts";

/** A scenario that is set up and can be measured any number of times. */
export interface Workload {
  measure(timing: Timing): Promise<Measurement>;
}

/** The broker that is measured. */
export interface Target {
  readonly port: number;
  readonly pid: number;
}

/** Both processes at one moment. */
export interface Sample {
  readonly atMs: number;
  readonly count: number;
  readonly brokerSeconds: number;
  readonly generatorSeconds: number;
}

/** @param count deliveries so far */
export function sample({ pid }: Target, count: number): Sample {
  return {
    atMs: performance.now(),
    count,
    brokerSeconds: cpuSeconds(pid),
    generatorSeconds: cpuSeconds(process.pid),
  };
}

/** What happened between two samples. */
export function between(before: Sample, after: Sample, { pid }: Target): Measurement {
  const seconds = (after.atMs - before.atMs) / 1000;
  const count = after.count - before.count;
  const brokerSeconds = after.brokerSeconds - before.brokerSeconds;
  const generatorSeconds = after.generatorSeconds - before.generatorSeconds;
  return {
    perSecond: count / seconds,
    cpuPerMillion: (brokerSeconds / count) * 1e6,
    brokerCore: brokerSeconds / seconds,
    generatorCpuPerMillion: (generatorSeconds / count) * 1e6,
    generatorCore: generatorSeconds / seconds,
    memoryBytes: residentBytes(pid),
  };
}
