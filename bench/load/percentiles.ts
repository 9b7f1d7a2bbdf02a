import type { Measurement } from "../measurement.ts";

/** @param latencies in µs, in any order */
export function percentiles(latencies: readonly number[]): Pick<Measurement, "p50" | "p99" | "p999"> {
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}
