/** Does the simulation find bugs? Each of planted/mutations.ts must show within a few seeds. */
import { expect, test } from "vitest";
import { buildWith } from "./planted/build.ts";
import { mutations } from "./planted/mutations.ts";

const SEEDS_MAX = 40;
const STEPS = 1500;

test.each(mutations.map((mutation, index) => ({ mutation, index })))(
  "finds: $mutation.name",
  async ({ mutation, index }) => {
    const { simulate } = await buildWith(mutation, String(index));
    let found: string | undefined;
    for (let seed = 1; seed <= SEEDS_MAX && found === undefined; seed++) found = simulate(seed, STEPS).failure?.message;
    expect(found, `no failure within ${SEEDS_MAX} seeds of ${STEPS} steps`).toBeDefined();
  },
);

test("says so where the source to change is not there any more", async () => {
  const [first] = mutations;
  const gone = buildWith({ ...first!, source: "no such source" }, "gone");
  await expect(gone).rejects.toThrow(
    "0 times in src/broker/delivery.ts. Bring test/simulation/planted/mutations.ts up to date",
  );
});
