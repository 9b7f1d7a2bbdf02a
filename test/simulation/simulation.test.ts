import { expect, test } from "vitest";
import { FIXED_STEPS, fixedSeeds, regressions } from "./seeds.ts";
import { lastFeatures, laterFeatures } from "./settings.ts";
import { type Outcome, simulate } from "./simulate.ts";

/** Nothing, or all that one needs to see the failure again. */
function report({ seed, failure }: Outcome, steps: number): string {
  if (failure === undefined) return "";
  return [...failure.tail, failure.message, `replay: npm run simulate -- --seed ${seed} --steps ${steps}`].join("\n");
}

test.each(fixedSeeds)("seed %d", (seed) => {
  expect(report(simulate(seed, FIXED_STEPS), FIXED_STEPS)).toBe("");
});

test.each(regressions)("$found (seed $seed)", ({ seed, steps, without = [...laterFeatures, ...lastFeatures] }) => {
  expect(report(simulate(seed, steps, new Set(without)), steps)).toBe("");
});

test("the same seed is the same run, another one is not", () => {
  const [first, again, other] = [simulate(4711, 1000), simulate(4711, 1000), simulate(4712, 1000)];
  expect(again.hash).toBe(first.hash);
  expect(other.hash).not.toBe(first.hash);
});
