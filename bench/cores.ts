/** Which core does what. With a single core nothing is pinned, and figures of such a run say little. */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

export const BROKER_CORE = 0;
export const GENERATOR_CORE = 1;

export const canPin = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;

/** The command line that runs `command` on the given core. taskset replaces itself, so the process id stays. */
export function pinned(core: number, command: readonly string[]): string[] {
  return canPin ? ["taskset", "-c", String(core), ...command] : [...command];
}

/** Moves this process to the core of the load generator, away from the brokers. */
export function moveAside(): void {
  if (canPin) spawnSync("taskset", ["-a", "-p", "-c", String(GENERATOR_CORE), String(process.pid)]);
}
