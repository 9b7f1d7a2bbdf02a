import { finish } from "./finale.ts";
import type { Feature } from "./settings.ts";
import { World } from "./world/world.ts";

export interface Failure {
  /** What kind of mistake: the model's rule, or `crash`. */
  readonly rule: string;
  readonly message: string;
  /** Events until then; the finale counts on. */
  readonly step: number;
  /** It came in the finale, when all clients had come back. */
  readonly isFinal: boolean;
  readonly tail: readonly string[];
}

export interface Outcome {
  readonly seed: number;
  /** Of everything that happened: two runs with the same hash did the same. */
  readonly hash: string;
  readonly failure: Failure | undefined;
}

const TAIL_LINES = 60;

/** Runs the simulation that the seed stands for, for a number of events and the finale. */
export function simulate(seed: number, steps: number, without: ReadonlySet<Feature> = new Set()): Outcome {
  const world = new World(seed, without);
  let isFinal = false;
  try {
    while (world.step < steps && world.runStep());
    isFinal = true;
    finish(world);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const rule = "rule" in error ? String(error.rule) : "crash";
    const message = rule === "crash" ? (error.stack ?? error.message) : error.message;
    const failure = { rule, message, step: world.step, isFinal, tail: world.trace.tail(TAIL_LINES) };
    return { seed, hash: world.trace.hash, failure };
  }
  return { seed, hash: world.trace.hash, failure: undefined };
}
