import { type Feature, features } from "./settings.ts";
import { type Outcome, simulate } from "./simulate.ts";

export interface Replay {
  readonly outcome: Outcome;
  readonly steps: number;
  readonly without: ReadonlySet<Feature>;
}

/**
 * Makes a failing run shorter: without features that it does not need, and with no more steps than it takes. Any failure
 * of the same rule is taken for the same one.
 */
export function minimise(failing: Outcome, steps: number): Replay {
  let best: Replay = shorten({ outcome: failing, steps, without: new Set() });
  for (const feature of features) {
    const without = new Set([...best.without, feature]);
    const outcome = simulate(failing.seed, best.steps, without);
    if (outcome.failure?.rule === failing.failure?.rule) best = shorten({ outcome, steps: best.steps, without });
  }
  return best;
}

/** The steps of a run are the first ones of a longer run, so a failure on the way needs those before it alone. */
function shorten({ outcome, steps, without }: Replay): Replay {
  const { seed, failure } = outcome;
  if (failure === undefined) return { outcome, steps, without };
  if (!failure.isFinal) return { outcome, steps: Math.min(steps, failure.step), without };
  // One that shows in the finale only: halve, for as long as it stays.
  let best: Replay = { outcome, steps, without };
  for (let half = Math.floor(best.steps / 2); half > 0; half = Math.floor(half / 2)) {
    const shorter = simulate(seed, best.steps - half, without);
    if (shorter.failure?.rule === failure.rule) {
      best = {
        outcome: shorter,
        steps: Math.min(best.steps - half, shorter.failure.isFinal ? Infinity : shorter.failure.step),
        without,
      };
    }
  }
  return best;
}
