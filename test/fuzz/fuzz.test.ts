/** A short run of the fuzzer: what it once found, and some seconds of a fixed seed. `npm run fuzz` goes on for longer. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { keptSequences } from "./kept.ts";
import { describeFailure, describeSequence } from "./report.ts";
import { type RunOptions, runFuzz } from "./run.ts";
import { outlineOf, sequenceOf } from "./scenarios/index.ts";
import type { Case, Sequence } from "./sequence.ts";
import { casesOf } from "./settings.ts";

interface KeptSeed {
  readonly seed: number;
  readonly sequences: readonly number[];
  /** What went wrong. */
  readonly found: string;
}

const kept = JSON.parse(readFileSync(new URL("seeds.json", import.meta.url), "utf8")) as KeptSeed[];
const keptCases: Case[] = kept.flatMap(({ seed, sequences }) => sequences.map((index) => ({ seed, index })));

async function fuzz(cases: Iterable<Case | Sequence>, options: Partial<RunOptions>): Promise<string> {
  const defaults = {
    program: program(),
    transports: ["tcp", "ws"],
    workers: 8,
    countsObjects: false,
    log: () => {},
  } as const;
  const failure = await runFuzz({ ...defaults, seconds: Infinity, ...options, cases });
  return failure === undefined ? "" : describeFailure(failure);
}

test("what the fuzzer once found does not come back", { timeout: 60_000 }, async () => {
  expect(await fuzz([...keptSequences, ...keptCases], {})).toBe("");
});

test("some seconds of hostile input break nothing", { timeout: 60_000 }, async () => {
  expect(await fuzz(casesOf(1), { seconds: 6 })).toBe("");
});

test("a seed and an index stand for one sequence", () => {
  for (const one of casesOf(7, { first: 0, last: 40 })) {
    expect(describeSequence(one) === describeSequence(one)).toBe(true);
    const { scenario, transport } = sequenceOf(one);
    expect(outlineOf(one)).toMatchObject({ name: scenario, transport });
  }
});
