/** The fuzzer's command line; see settings.ts. Run by scripts/fuzz.mjs. */
import { describeFailure, describeSent, describeSequence } from "./report.ts";
import { type Failure, type RunOptions, runFuzz } from "./run.ts";
import type { Sequence } from "./sequence.ts";
import { type Settings, USAGE, casesOf, parseSettings } from "./settings.ts";

/** For finding out which of several sequences it was. */
const NARROWING_MS_MAX = 120_000;

// oxlint-disable-next-line no-console
const log = (line: string): void => console.log(line);

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === undefined) return 2;
  const { seed, range, seconds, transports, workers } = settings;
  if (settings.print) {
    for (const one of casesOf(seed, range ?? { first: 0, last: 9 })) log(describeSequence(one));
    return 0;
  }
  const program = settings.program ?? process.env["PUBSUB_FUZZ_PROGRAM"];
  if (program === undefined) throw new Error("no --program");
  const isEndless = seconds === 0 || range !== undefined;
  log(`fuzz: seed ${seed}${isEndless ? "" : `, ${seconds} s`}; again with: npm run fuzz -- --seed ${seed}`);
  const options = { program, transports, workers, log, countsObjects: true, seconds: isEndless ? Infinity : seconds };
  const failure = await runFuzz({ ...options, cases: casesOf(seed, range) });
  if (failure === undefined) return 0;
  log(describeFailure(failure));
  if (failure.suspects.length > 1) await narrow(failure, options);
  return 1;
}

function readSettings(): Settings | undefined {
  try {
    return parseSettings(process.argv.slice(2));
  } catch (error) {
    log(`${(error as Error).message}\n\n${USAGE}`);
    return undefined;
  }
}

/** Sends the suspects again to new servers, fewer and fewer of them, until it takes all that are left. */
async function narrow(failure: Failure, options: Omit<RunOptions, "cases">): Promise<void> {
  const dueAt = performance.now() + NARROWING_MS_MAX;
  let suspects = failure.suspects.map(({ sequence }) => sequence);
  let last: Failure | undefined;
  while (suspects.length > 1 && performance.now() < dueAt) {
    const middle = suspects.length >> 1;
    const halves = [suspects.slice(middle), suspects.slice(0, middle)];
    const found = await firstFailing(halves, options);
    if (found === undefined) break;
    ({ cases: suspects, failure: last } = found);
  }
  if (last === undefined) {
    log("\nIt needs more than half of them, or cannot be repeated. All together:");
    for (const suspect of failure.suspects) log(describeSent(suspect));
    return;
  }
  log(`\nIt takes ${suspects.length === 1 ? "one" : "some"} of them, which alone leads to: ${last.violation.message}`);
  const indexes = new Set(suspects.map(({ index }) => index));
  for (const sent of failure.suspects) if (indexes.has(sent.sequence.index)) log(describeSent(sent));
}

async function firstFailing(
  groups: readonly (readonly Sequence[])[],
  options: Omit<RunOptions, "cases">,
): Promise<{ cases: Sequence[]; failure: Failure } | undefined> {
  for (const group of groups) {
    const failure = await runFuzz({ ...options, cases: group, countsObjects: false, log: () => {} });
    if (failure !== undefined) return { cases: [...group], failure };
  }
  return undefined;
}

process.exitCode = await main();
