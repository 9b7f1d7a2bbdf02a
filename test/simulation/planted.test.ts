/** Does the simulation find bugs? Each of planted/mutations.ts must show within a few seeds. */
import { expect, test } from "vitest";
import { buildWith } from "./planted/build.ts";
import { mutations } from "./planted/mutations.ts";
import { lastFeatures } from "./settings.ts";

const SEEDS_MAX = 40;
const STEPS = 1500;
/** On a busy machine. */
const TEST_MS = 60_000;

test.each(mutations.map((mutation, index) => ({ mutation, index })))(
  "finds: $mutation.name",
  async ({ mutation, index }) => {
    const { simulate } = await buildWith(mutation, String(index));
    let found: string | undefined;
    // Runs with crashes do less of everything else, and rare bugs show less often.
    const without = new Set(mutation.file === "broker/restore.ts" ? [] : lastFeatures);
    for (let seed = 1; seed <= SEEDS_MAX && found === undefined; seed++) {
      found = simulate(seed, STEPS, without).failure?.message;
    }
    expect(found, `no failure within ${SEEDS_MAX} seeds of ${STEPS} steps`).toBeDefined();
  },
  TEST_MS,
);

test("says so where the source to change is not there any more", async () => {
  const [first] = mutations;
  const gone = buildWith({ ...first!, source: "no such source" }, "gone");
  await expect(gone).rejects.toThrow(
    "0 times in src/broker/delivery.ts. Bring test/simulation/planted/mutations.ts up to date",
  );
});
