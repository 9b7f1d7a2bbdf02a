/** One run of `hook test` or `hook replay`: asks about each batch, shows what came of it, and counts. */
import {
  type HookLocation,
  type HookOutcome,
  type TestedHook,
  askHook,
  createKey,
  openHook,
  readKey,
} from "../../hook-testing/index.ts";
import { UserError } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { diffContent, formatChanges } from "../messages/content-diff.ts";
import type { RecordedMessage } from "../messages/recording.ts";
import { type TestCase, writeJunit } from "../output/junit.ts";
import { padEnd, printable } from "../output/table.ts";
import { toTestMessage } from "./batches.ts";
import type { HookOptions } from "./hook-options.ts";
import { type Difference, type KeptOutcome, compareOutcomes, keptOf, verdictText } from "./snapshot.ts";

export interface RunOptions extends HookOptions {
  readonly location: HookLocation;
  readonly userAgent: string;
  /** Where the messages come from, for people. */
  readonly file: string;
  readonly batches: AsyncIterable<RecordedMessage[]>;
  /** Compares with what was; undefined where there is nothing to compare with. @param index counts messages from 0 */
  readonly compare: (kept: KeptOutcome, message: RecordedMessage, index: number) => Comparison | undefined;
  /** What is expected of more than so many messages. */
  readonly expectedBeyond: (count: number) => readonly KeptOutcome[];
  /** Show what the hook changed in each message. */
  readonly showChanges: boolean;
}

export type Comparison = Difference | "same";

/** Reasons that are no decision of the hook's, but a failure. */
const isFailure = ({ verdict, reason }: KeptOutcome) => verdict === "dropped" && reason !== "hook-dropped";

/** @throws {UserError} where the hook does not start, or cannot be reached */
export async function runHook(context: CommandContext, options: RunOptions): Promise<HookRun> {
  const key = options.key === undefined ? await createKey() : await readKey(options.key);
  const { output, signal } = context;
  const tested = await output.spin("starting the hook", openHook(options.location, key, options.userAgent));
  if ("url" in options.location) output.info(output.err.dim(`BROKER_PUBLIC_KEYS=${tested.publicKeys}`));
  const run = new HookRun(context, options);
  try {
    for await (const batch of options.batches) {
      const messages = batch.map((message) => toTestMessage(message, context.now().getTime()));
      const asking = { timeoutMs: options.timeout * 1000, signal };
      run.add(batch, await askHook(tested.hook, messages, asking), tested);
    }
    run.addMissing(options.expectedBeyond(run.count));
  } finally {
    await tested.close();
  }
  if (options.junit !== undefined) await writeJunit(options.junit, [{ name: options.file, cases: run.cases }]);
  run.summarize();
  return run;
}

export class HookRun {
  readonly outcomes: KeptOutcome[] = [];
  readonly cases: TestCase[] = [];
  differences = 0;
  readonly #context: CommandContext;
  readonly #options: RunOptions;
  readonly #counts = { passed: 0, modified: 0, dropped: 0, rejected: 0 };
  #failures: HookOutcome[] = [];
  #batches = 0;
  #topicWidth = 12;

  constructor(context: CommandContext, options: RunOptions) {
    this.#context = context;
    this.#options = options;
  }

  get count(): number {
    return this.outcomes.length;
  }

  /** @throws {UserError} where the hook cannot be reached: that says nothing about it */
  add(batch: readonly RecordedMessage[], outcomes: readonly HookOutcome[], { hook }: TestedHook): void {
    const away = outcomes.find(({ reason }) => reason === "hook-unreachable");
    if (away !== undefined) {
      const detail = away.detail ?? hook.name;
      throw new UserError("cannot-connect", `the hook does not answer: ${detail}`, "is it running?");
    }
    this.#batches++;
    for (const [index, message] of batch.entries()) this.#addOne(message, outcomes[index]!);
  }

  /** Messages that are expected and did not come. */
  addMissing(missing: readonly KeptOutcome[]): void {
    for (const kept of missing) {
      this.differences++;
      const difference = compareOutcomes(kept, undefined)!;
      const { output } = this.#context;
      if (output.json) void output.line({ v: 1, topic: kept.topic, difference });
      else
        void output.write(`${output.out.red("≠")}    ${printable(kept.topic)}  ${this.#differenceText(difference)}\n`);
      const message = `there is no such message any more`;
      this.cases.push({ name: kept.topic, ms: 0, failure: { message, text: message } });
    }
  }

  summarize(): void {
    const { output } = this.#context;
    const parts = Object.entries(this.#counts).filter(([, count]) => count > 0);
    const verdicts = parts.map(([verdict, count]) => `${count} ${verdict}`).join(", ");
    const count = this.count;
    const messages = `${count} message${count === 1 ? "" : "s"} in ${this.#batches} batch${this.#batches === 1 ? "" : "es"}`;
    output.info(`${messages}${verdicts === "" ? "" : `: ${verdicts}`}`);
  }

  /** @throws {UserError} `assertion-failed` where the hook failed, and that is not what is expected */
  failIfBroken(): void {
    const [first] = this.#failures;
    if (first === undefined) return;
    const many = `${this.#failures.length} of ${this.count} messages`;
    throw new UserError("assertion-failed", `the hook failed for ${many}: ${first.detail ?? first.reason}`);
  }

  #addOne(message: RecordedMessage, outcome: HookOutcome): void {
    const kept = keptOf(message.topic, outcome);
    const compared = this.#options.compare(kept, message, this.count);
    const difference = compared === "same" ? undefined : compared;
    this.outcomes.push(kept);
    this.#counts[outcome.verdict]++;
    if (difference !== undefined) this.differences++;
    if (isFailure(kept)) this.#failures.push(outcome);
    this.cases.push({
      name: `line ${message.line}: ${message.topic}`,
      ms: outcome.ms / outcome.batch,
      failure: failureOf(kept, outcome, compared),
    });
    this.#show(message, outcome, difference);
  }

  #show({ line, topic }: RecordedMessage, outcome: HookOutcome, difference: Difference | undefined): void {
    const { output } = this.#context;
    if (output.json) {
      const { ms, ...facts } = outcome;
      void output.line({
        v: 1,
        line,
        topic,
        ...facts,
        ms: Math.round(ms * 10) / 10,
        ...(difference && { difference }),
      });
      return;
    }
    const { green, yellow, red } = output.out;
    const color = { passed: green, modified: yellow, dropped: red, rejected: red }[outcome.verdict];
    const name = printable(topic);
    this.#topicWidth = Math.min(Math.max(this.#topicWidth, name.length), 40);
    const detail = outcome.detail === undefined ? "" : `  ${printable(outcome.detail)}`;
    const mark = difference === undefined ? " " : red("≠");
    const { before, after } = outcome;
    const changes =
      difference === undefined
        ? this.#options.showChanges && after && formatChanges(diffContent(before, after), output.out)
        : `  ${this.#differenceText(difference)}`;
    const head = `${mark} ${String(line).padStart(3)}  ${padEnd(name, this.#topicWidth)}`;
    void output.write(`${head}  ${color(verdictText(outcome))}${detail}${changes || ""}\n`);
  }

  #differenceText({ before, after, changes }: Difference): string {
    const was = before === undefined ? "is new" : before === after ? "in another way" : `was ${before}`;
    return `${this.#context.output.out.red(after === undefined ? "is missing" : was)}${formatChanges(changes, this.#context.output.out)}`;
  }
}

function failureOf(kept: KeptOutcome, { detail }: HookOutcome, compared: Comparison | undefined): TestCase["failure"] {
  if (compared === "same") return undefined;
  if (compared === undefined) return isFailure(kept) ? { message: verdictText(kept), text: detail ?? "" } : undefined;
  const text = compared.changes.map(({ path, before, after }) => `${path}: ${before} → ${after}`).join("\n");
  return { message: `was ${compared.before ?? "not there"}, is ${compared.after}`, text };
}
