/** Do the crash tests find bugs? Each of planted/mutations.ts must show within a few kills. */
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildServerWith } from "./planted/build.ts";
import { mutations } from "./planted/mutations.ts";
import { runCrash } from "./run.ts";

const KILLS_MAX = 25;
const SETTLE_MS_MAX = 15_000;

const root = fileURLToPath(new URL("../../", import.meta.url));

test.each(mutations.map((mutation, index) => ({ mutation, index })))(
  "finds: $mutation.name",
  { timeout: 240_000 },
  async ({ mutation, index }) => {
    const program = await buildServerWith(mutation, String(index));
    const { kills = KILLS_MAX } = mutation;
    const options = { program, root, seed: 1, kills, fsync: "always", settleMsMax: SETTLE_MS_MAX };
    const failure = await runCrash({ ...options, log: () => {} });
    if (failure !== undefined) await rm(failure.folder, { recursive: true, force: true });
    expect(failure?.message, `no failure within ${kills} kills`).toMatch(mutation.found);
  },
);
