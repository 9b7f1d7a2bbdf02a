/** A pipeline with its guard in a world where nothing happens by itself: turns, time and the hook's answers are moved by hand. */
import type { HookReport, Message, PendingPublish, Verdict } from "../../src/broker/ports.ts";
import type { Hook, HookAnswer } from "../../src/hooks/hook.ts";
import { outcomeOf } from "../../src/hooks/failure.ts";
import { GuardedHook } from "../../src/hooks/guarded-hook.ts";
import { HookPipeline, type HookPipelineOptions } from "../../src/hooks/pipeline.ts";
import { type HookPolicy, type HookSettings, policyOf } from "../../src/hooks/settings.ts";

export interface WorldOptions extends Partial<Omit<HookPipelineOptions, "hook">> {
  readonly hook?: Hook;
  readonly settings?: HookSettings;
  readonly random?: () => number;
}

/** A request that the fake hook got. */
export interface Call {
  readonly batch: readonly Message[];
  readonly publishers: readonly string[];
  readonly signal: AbortSignal;
  /** Accepts all, or gives the verdicts. */
  answer(verdicts?: readonly Verdict[], status?: number): Promise<void>;
  fail(error: unknown): Promise<void>;
}

export interface Completion {
  readonly pending: PendingPublish;
  readonly message: Message;
  readonly verdict: Verdict;
  readonly report: HookReport;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Lets promises that are settled run their reactions. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

export class World {
  now = 0;
  readonly calls: Call[] = [];
  readonly completions: Completion[] = [];
  readonly timers = new Set<Timer>();
  readonly guard: GuardedHook;
  readonly pipeline: HookPipeline;
  /** What the circuit breaker has told. */
  readonly circuit: string[] = [];
  policy: HookPolicy;
  closedHooks = 0;
  onComplete: (completion: Completion) => void = () => {};
  #turn: (() => void)[] = [];

  constructor({ settings = {}, random = () => 0, hook, ...options }: WorldOptions = {}) {
    this.policy = policyOf(settings);
    this.guard = new GuardedHook({
      hook: hook ?? this.hook(),
      policy: this.policy,
      now: () => this.now,
      random,
      onCircuit: (state, reason) => this.circuit.push(`${state}: ${reason}`),
      startTimer: (delayMs, run) => {
        const timer = { at: this.now + delayMs, run };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
    });
    this.pipeline = new HookPipeline({
      hook: this.guard,
      complete: (pending, decided, report) => {
        const verdict = outcomeOf(decided, this.policy);
        const completion = { pending, message: pending.message, verdict, report };
        this.completions.push(completion);
        this.onComplete(completion);
      },
      now: () => this.now,
      schedule: (run) => this.#turn.push(run),
      ...options,
    });
  }

  hook(calls: Call[] = this.calls): Hook {
    return {
      name: "fake",
      onPublish: (batch, signal) =>
        new Promise<HookAnswer>((resolve, reject) => {
          calls.push({
            batch,
            signal,
            publishers: [...new Set(batch.map(({ publisherId }) => publisherId))],
            answer: (verdicts = batch.map(() => ({ kind: "accept" })), status = 200) => {
              resolve({ verdicts, status });
              return settled();
            },
            fail: (error) => {
              // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- hooks may reject with anything
              reject(error);
              return settled();
            },
          });
        }),
      close: async () => {
        this.closedHooks++;
      },
    };
  }

  /** Ends the turn: what was scheduled runs. */
  endTurn(): void {
    const scheduled = this.#turn;
    this.#turn = [];
    for (const run of scheduled) run();
  }

  /** Lets time pass, with the timers that fire on the way, and what they bring about. */
  async advance(ms: number): Promise<void> {
    await settled();
    const until = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers.delete(due);
      this.now = Math.max(this.now, due.at);
      due.run();
      await settled();
    }
    this.now = until;
  }

  /** Publisher → ids of its completed messages, in order. */
  completedBy(publisherId: string): number[] {
    return this.completions
      .filter(({ message }) => message.publisherId === publisherId)
      .map(({ message }) => message.id);
  }
}
