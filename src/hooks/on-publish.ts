/** The on-publish hook of one broker: which messages it gets, in which batches, and what becomes of them where it fails. */
import { filterMatches } from "../auth/topic-filter.ts";
import type { HookReport, Hooks, PendingPublish, Verdict } from "../broker/ports.ts";
import { outcomeOf } from "./failure.ts";
import { GuardedHook } from "./guarded-hook.ts";
import type { Hook } from "./hook.ts";
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

  /** For metrics. */
  get load(): { waiting: number; batches: number; requests: number; isCircuitOpen: boolean } {
    const { waiting, batches } = this.#pipeline.load;
    return { waiting, batches, requests: this.#guard.requests, isCircuitOpen: this.#guard.isCircuitOpen };
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
