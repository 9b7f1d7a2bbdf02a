/**
 * What becomes of one batch: the time limit of its request, further attempts where the policy wants them, and the circuit
 * breaker. The hook may be replaced at any time; attempts go to the one that is there.
 *
 * While a batch waits for its next attempt, its publishers' next messages wait in the pipeline, so their order is kept.
 */
import type { HookDropReason, Message } from "../broker/ports.ts";
import { drop } from "./answer.ts";
import { type Circuit, CircuitBreaker } from "./circuit-breaker.ts";
import { failureOf } from "./failure.ts";
import { Histogram } from "./histogram.ts";
import type { Hook, HookAnswer } from "./hook.ts";
import type { BatchHook } from "./pipeline.ts";
import type { HookPolicy, RetrySettings } from "./settings.ts";

export interface GuardOptions {
  readonly hook: Hook;
  readonly policy: HookPolicy;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** The circuit breaker has opened or closed. @param reason for people */
  readonly onCircuit?: (state: "opened" | "closed", reason: string) => void;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** Runs a function after a while; returns what calls it off. */
  readonly startTimer?: (delayMs: number, run: () => void) => () => void;
}

const DEFAULTS = {
  onCircuit: (_state: "opened" | "closed", _reason: string): void => {},
  random: Math.random,
  startTimer: (delayMs: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

const STOPPED = "broker stopped";

/** A hook with the requests that it has not answered yet: it is closed after the last one. */
interface HookInUse {
  readonly hook: Hook;
  requests: number;
  retired: boolean;
}

export class GuardedHook implements BatchHook {
  readonly #options: GuardOptions & typeof DEFAULTS;
  #policy: HookPolicy;
  #hook: HookInUse;
  #breaker: CircuitBreaker | undefined;
  /** All there have been. */
  requests = 0;
  /** From a request to its answer, its failure, or the end of its time. */
  readonly durations = new Histogram();
  #underWay = 0;
  #held = false;
  /** Those who wait until no request is under way. */
  readonly #onIdle = new Set<() => void>();
  #isClosed = false;
  /** What gives up each thing that is waited for. */
  readonly #onClose = new Set<() => void>();
  /** Batches that wait until it is not held any more. */
  readonly #onRelease = new Set<() => void>();

  constructor(options: GuardOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#policy = options.policy;
    this.#hook = { hook: options.hook, requests: 0, retired: false };
    this.#breaker = this.#newBreaker();
  }

  /** How the circuit breaker stands; undefined without one. */
  get circuit(): Circuit | undefined {
    return this.#breaker?.at(this.#options.now());
  }

  setPolicy(policy: HookPolicy): void {
    const isSame = JSON.stringify(policy.circuitBreaker) === JSON.stringify(this.#policy.circuitBreaker);
    this.#policy = policy;
    if (!isSame) this.#resetBreaker("it has other settings");
  }

  /** Asks another hook from the next request on. The one before is closed when its last answer is there. */
  setHook(hook: Hook): void {
    const before = this.#hook;
    this.#hook = { hook, requests: 0, retired: false };
    before.retired = true;
    closeRetired(before);
    this.#resetBreaker("the hook is another one");
  }

  /**
   * Begins no request from now on: batches wait, and neither is their time limit running, nor do attempts fail. Resolves
   * when none is under way any more.
   */
  hold(): Promise<void> {
    this.#held = true;
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.add(resolve));
  }

  /** Ends `hold`. */
  release(): void {
    this.#held = false;
    runAll(this.#onRelease);
  }

  async onPublish(batch: readonly Message[]): Promise<HookAnswer> {
    const startedAt = this.#options.now();
    for (let attempts = 1; ; attempts++) {
      const answer = await this.#attempt(batch);
      const { onFailure, retry } = this.#policy;
      const delayMs = this.#delayMs(retry, attempts);
      const isLast =
        this.#isClosed ||
        onFailure !== "retry" ||
        failureOf(answer) === undefined ||
        this.#options.now() + delayMs - startedAt >= retry.totalMs;
      if (isLast) return attempts === 1 ? answer : { ...answer, attempts };
      await this.#pause(delayMs);
    }
  }

  /** Gives up what is under way: `hook-stopped`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    runAll(this.#onClose);
    await this.#hook.hook.close();
  }

  async #attempt(batch: readonly Message[]): Promise<HookAnswer> {
    while (this.#held && !this.#isClosed) await this.#released();
    if (this.#isClosed) return allDropped(batch, "hook-stopped", STOPPED);
    const { now } = this.#options;
    const breaker = this.#breaker;
    if (breaker?.tryAcquire(now()) === false) {
      return allDropped(batch, "hook-circuit-open", "it failed too often in a row");
    }
    const answer = await this.#ask(batch);
    if (breaker === undefined || breaker !== this.#breaker) return answer;
    const failure = failureOf(answer);
    if (this.#isClosed) breaker.released(now());
    else if (failure === undefined) {
      if (breaker.succeeded(now())) this.#options.onCircuit("closed", "the hook answers again");
    } else if (breaker.failed(now())) {
      const { failures } = this.#policy.circuitBreaker!;
      const times = failures === 1 ? "once" : `${failures} times in a row`;
      this.#options.onCircuit("opened", `the hook failed ${times}, at last with ${failure.reason}`);
    }
    return answer;
  }

  /** One request. Resolves in any case, at the time limit at the latest; what comes afterwards is ignored. */
  #ask(batch: readonly Message[]): Promise<HookAnswer> {
    const { timeoutMs } = this.#policy;
    const { now } = this.#options;
    const used = this.#hook;
    const startedAt = now();
    const abort = new AbortController();
    let isDone = false;
    used.requests++;
    this.#underWay++;
    this.requests++;
    return new Promise((resolve) => {
      const finish = (answer: HookAnswer): void => {
        if (isDone) return;
        isDone = true;
        stopTimer();
        this.#onClose.delete(giveUp);
        this.durations.add(now() - startedAt);
        used.requests--;
        closeRetired(used);
        if (--this.#underWay === 0) runAll(this.#onIdle);
        resolve(answer);
      };
      const fail = (reason: HookDropReason, detail: string): void => finish(allDropped(batch, reason, detail));
      const giveUp = (): void => {
        fail("hook-stopped", STOPPED);
        abort.abort();
      };
      const stopTimer = this.#options.startTimer(timeoutMs, () => {
        fail("hook-timeout", `no answer within ${timeoutMs / 1000} s`);
        abort.abort();
      });
      this.#onClose.add(giveUp);
      call(used.hook, batch, abort.signal).then(finish, (error: unknown) =>
        fail("hook-unreachable", error instanceof Error ? error.message : String(error)),
      );
    });
  }

  #delayMs({ initialDelayMs, maxDelayMs }: RetrySettings, attempts: number): number {
    const delayMs = Math.min(maxDelayMs, initialDelayMs * 2 ** (attempts - 1));
    // Batches that failed together do not come back together.
    return Math.ceil(delayMs * (1 - this.#options.random() / 2));
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        stopTimer();
        this.#onClose.delete(end);
        resolve();
      };
      const stopTimer = this.#options.startTimer(delayMs, end);
      this.#onClose.add(end);
    });
  }

  #released(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#onRelease.delete(end);
        this.#onClose.delete(end);
        resolve();
      };
      this.#onRelease.add(end);
      this.#onClose.add(end);
    });
  }

  #resetBreaker(reason: string): void {
    const wasOpen = this.#breaker?.isClosed === false;
    this.#breaker = this.#newBreaker();
    if (wasOpen) this.#options.onCircuit("closed", reason);
  }

  #newBreaker(): CircuitBreaker | undefined {
    const { circuitBreaker } = this.#policy;
    return circuitBreaker && new CircuitBreaker(circuitBreaker, this.#options.now());
  }
}

/** Async, so that a hook which throws rejects. */
async function call(hook: Hook, batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer> {
  return await hook.onPublish(batch, signal);
}

function allDropped(batch: readonly Message[], reason: HookDropReason, detail: string): HookAnswer {
  const verdict = drop(reason, detail);
  return { verdicts: batch.map(() => verdict) };
}

function closeRetired({ hook, requests, retired }: HookInUse): void {
  if (!retired || requests > 0) return;
  hook.close().catch(() => {
    // It is no longer asked anything: nobody is left to whom its trouble matters.
  });
}

function runAll(waiting: Set<() => void>): void {
  const all = [...waiting];
  waiting.clear();
  for (const run of all) run();
}
