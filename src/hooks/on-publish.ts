/** The on-publish hook of one broker: which messages it gets, in which batches, and what becomes of them where it fails. */
import { filterMatches } from "../auth/topic-filter.ts";
import type { HookReport, Hooks, PendingPublish, Verdict } from "../broker/ports.ts";
import type { Circuit } from "./circuit-breaker.ts";
import { outcomeOf } from "./failure.ts";
import { GuardedHook } from "./guarded-hook.ts";
import type { Hook } from "./hook.ts";
import type { Histogram } from "./histogram.ts";
import { HookPipeline } from "./pipeline.ts";
import type { HookPolicy } from "./settings.ts";

export interface OnPublishOptions {
  readonly hook: Hook;
  readonly policy: HookPolicy;
  /** Called once for each message submitted, in order within a publisher; possibly from within `submit`. */
  readonly complete: (pending: PendingPublish, verdict: Verdict, report: HookReport) => void;
  /** See `HookPipelineOptions`. */
  readonly batchMessagesMax?: number;
  /** See `GuardOptions`. */
  readonly onCircuit?: (state: "opened" | "closed", reason: string) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** How much is under way at a hook, what it was asked, and how it did. */
export interface HookLoad {
  /** Messages that wait for a request. */
  readonly waiting: number;
  /** Batches that are being decided about. */
  readonly batches: number;
  /** Since the broker began to run, further attempts included. */
  readonly requests: number;
  /** How long those took that have ended. */
  readonly durations: Pick<Histogram, "count" | "seconds" | "cumulated">;
  /** undefined without a circuit breaker. */
  readonly circuit: Circuit | undefined;
}

/** Topics whose match is remembered: a broker with few of them is asked about the same ones again and again. */
const KNOWN_TOPICS_MAX = 1000;

export class OnPublish implements Hooks {
  readonly #pipeline: HookPipeline;
  readonly #guard: GuardedHook;
  #policy: HookPolicy;
  /** Split into levels. */
  #filters: readonly (readonly string[])[] | undefined;
  readonly #isWanted = new Map<string, boolean>();

  constructor(options: OnPublishOptions) {
    this.#policy = options.policy;
    this.#filters = splitFilters(options.policy);
    this.#guard = new GuardedHook(options);
    this.#pipeline = new HookPipeline({
      hook: this.#guard,
      now: options.now,
      ...(options.batchMessagesMax !== undefined && { batchMessagesMax: options.batchMessagesMax }),
      complete: (pending, verdict, report) => options.complete(pending, outcomeOf(verdict, this.#policy), report),
    });
  }

  wants(topicName: string): boolean {
    if (this.#filters === undefined) return true;
    let isWanted = this.#isWanted.get(topicName);
    if (isWanted === undefined) {
      const levels = topicName.split("/");
      isWanted = this.#filters.some((filter) => filterMatches(filter, levels));
      if (this.#isWanted.size >= KNOWN_TOPICS_MAX) this.#isWanted.clear();
      this.#isWanted.set(topicName, isWanted);
    }
    return isWanted;
  }

  get load(): HookLoad {
    const { waiting, batches } = this.#pipeline.load;
    const { requests, durations, circuit } = this.#guard;
    return { waiting, batches, requests, durations, circuit };
  }

  submit(pending: PendingPublish): void {
    this.#pipeline.submit(pending);
  }

  /** Takes effect at once: for messages that wait as well. */
  setPolicy(policy: HookPolicy): void {
    this.#policy = policy;
    this.#filters = splitFilters(policy);
    this.#isWanted.clear();
    this.#guard.setPolicy(policy);
  }

  /** Asks another hook from the next request on, further attempts included. */
  setHook(hook: Hook): void {
    this.#guard.setHook(hook);
  }

  /**
   * Asks the hook nothing from now on: messages wait, as far as there is room, and their time does not run yet.
   * Resolves when no answer is awaited any more.
   */
  hold(): Promise<void> {
    this.#pipeline.hold();
    return this.#guard.hold();
  }

  /** Ends `hold`: what has waited is asked about, in its order. */
  release(): void {
    this.#guard.release();
    this.#pipeline.release();
  }

  /** Gives up what is under way, and drops all messages (`hook-stopped`) before it returns. */
  async close(): Promise<void> {
    await this.#pipeline.close();
  }
}

function splitFilters({ topics }: HookPolicy): readonly (readonly string[])[] | undefined {
  return topics?.map((filter) => filter.split("/"));
}
