/** Many publishers, any failure policy, and a hook that answers late, wrongly or never, from a seed. Set SEED to run another one, or a failing one again. */
import assert from "node:assert/strict";
import { expect, test } from "vitest";
import type { Message, PendingPublish, Verdict } from "../../src/broker/ports.ts";
import type { HookAnswer } from "../../src/hooks/hook.ts";
import type { HookSettings } from "../../src/hooks/settings.ts";
import { pending } from "./messages.ts";
import { settled, World } from "./world.ts";

/** mulberry32: small and good enough. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

interface Request {
  readonly batch: readonly Message[];
  readonly startedAt: number;
  readonly slowPublishers: ReadonlySet<string>;
  readonly resolve: (answer: HookAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 5000;
const LIMITS = { batchMessagesMax: 7, batchBytesMax: 60, concurrencyMax: 4 };

const RETRY_TOTAL_MS = 20_000;

function settingsOf(random: (below: number) => number): HookSettings {
  const fallback = (["drop", "pass", "reject"] as const)[random(3)]!;
  return {
    timeoutMs: TIMEOUT_MS,
    onFailure: random(2) === 0 ? "retry" : fallback,
    retry: { initialDelayMs: 1 + random(500), maxDelayMs: 1000 + random(3000), totalMs: RETRY_TOTAL_MS, fallback },
    ...(random(2) === 0 && { circuitBreaker: { failures: 1 + random(4), openMs: 100 + random(8000) } }),
    ...(random(2) === 0 && { deadLetterTopic: "dead" }),
  };
}

class Simulation {
  readonly random: (below: number) => number;
  readonly requests = new Set<Request>();
  /** Publishers of requests under way: none may be there twice. */
  readonly busy = new Set<string>();
  readonly submitted: PendingPublish[] = [];
  /** As the pipeline should see it: last request slow or timed out, and not long ago. */
  readonly slow = new Set<string>();
  readonly world: World;
  readonly publishers: number;
  readonly waitingMax: number;
  readonly settings: HookSettings;
  /** When each batch was asked about first. */
  readonly askedAt = new Map<readonly Message[], number>();
  isHeld = false;
  heldMs = 0;
  asked = 0;

  constructor(seed: number) {
    this.random = generator(seed);
    this.publishers = 1 + this.random(12);
    const onPublish = (batch: readonly Message[], signal: AbortSignal) => this.#request(batch, signal);
    this.waitingMax = [20, 100, 1000][this.random(3)]!;
    this.settings = settingsOf(this.random);
    this.world = new World({
      ...LIMITS,
      random: () => this.random(1000) / 1000,
      waitingMax: this.waitingMax,
      settings: this.settings,
      hook: { name: "odd", onPublish, close: async () => {} },
    });
    this.world.onComplete = () => {
      // A publisher may go on as soon as it is answered.
      if (this.random(10) === 0 && this.submitted.length < 1500) this.submit();
    };
  }

  submit(): void {
    // As the broker stops reading from publishers whose messages wait; without it, order goes at twice `waitingMax`.
    if (this.world.pipeline.load.waiting >= this.waitingMax) return;
    const fields = { payload: Buffer.alloc(this.random(30) === 0 ? 100 : this.random(20)) };
    const each = pending(`p${this.random(this.publishers)}`, fields);
    this.submitted.push(each);
    this.world.pipeline.submit(each);
  }

  #request(batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer> {
    this.asked++;
    const publishers = new Set(batch.map(({ publisherId }) => publisherId));
    const bytes = batch.reduce((sum, { payload }) => sum + payload.length, 0);
    assert(batch.length > 0 && batch.length <= LIMITS.batchMessagesMax);
    assert(batch.length === 1 || bytes <= LIMITS.batchBytesMax);
    const startedAt = this.world.now;
    const firstAt = this.askedAt.get(batch);
    assert(!this.isHeld);
    for (const id of publishers) {
      assert(!this.busy.has(id));
      this.busy.add(id);
      assert(publishers.size === 1 || firstAt !== undefined || !this.slow.has(id));
    }
    if (firstAt === undefined) this.askedAt.set(batch, startedAt);
    else assert(this.settings.onFailure === "retry" && startedAt - firstAt < RETRY_TOTAL_MS + this.heldMs);
    return new Promise((resolve, reject) => {
      const request = { batch, startedAt, slowPublishers: publishers, resolve, reject, signal };
      this.requests.add(request);
      assert(this.requests.size <= LIMITS.concurrencyMax);
      signal.addEventListener("abort", () => {
        this.#over(request, true);
        // Often comes too late, and must not count.
        const late = this.random(4);
        if (late < 2) resolve({ verdicts: [] });
        else if (late === 2) reject(new Error("aborted"));
      });
    });
  }

  #over(request: Request, timedOut: boolean): void {
    this.requests.delete(request);
    const slow = timedOut || this.world.now - request.startedAt > 1000;
    for (const id of request.slowPublishers) {
      this.busy.delete(id);
      if (slow) this.slow.add(id);
      else this.slow.delete(id);
    }
  }

  /** The hook answers one of its requests, rightly or wrongly. */
  async answer(): Promise<void> {
    const request = [...this.requests][this.random(this.requests.size)];
    if (request === undefined) return;
    this.#over(request, false);
    const verdicts = request.batch.map((): Verdict =>
      this.random(3) === 0 ? { kind: "drop", reason: "hook-dropped" } : { kind: "accept" },
    );
    const failing = { kind: "drop", reason: "hook-status", detail: "HTTP 500" } as const;
    if (this.random(10) === 0) request.reject(new Error("no"));
    else if (this.random(4) === 0) request.resolve({ verdicts: verdicts.map(() => failing), status: 500 });
    else request.resolve({ verdicts: verdicts.slice(0, this.random(10) === 0 ? 1 : undefined), status: 200 });
    await settled();
  }

  /** As for the reload of a Worker. */
  holdOrRelease(): void {
    this.isHeld = !this.isHeld;
    if (this.isHeld) {
      this.world.pipeline.hold();
      void this.world.guard.hold();
    } else {
      this.world.guard.release();
      this.world.pipeline.release();
    }
  }

  async advance(ms: number): Promise<void> {
    if (this.isHeld) this.heldMs += ms;
    await this.world.advance(ms);
  }

  async step(): Promise<void> {
    const kind = this.random(12);
    if (kind === 11) this.holdOrRelease();
    else if (kind < 4) for (let count = this.random(30); count > 0; count--) this.submit();
    else if (kind < 7) this.world.endTurn();
    else if (kind < 9) await this.answer();
    else await this.advance([10, 300, 1500, 6000][this.random(4)]!);
    assert(this.world.pipeline.load.waiting <= this.waitingMax);
  }

  check(): void {
    const { completions } = this.world;
    expect(completions.length).toBe(this.submitted.length);
    expect(new Set(completions.map((each) => each.pending)).size).toBe(this.submitted.length);
    for (let index = 0; index < this.publishers; index++) {
      const sent = this.submitted
        .map(({ message }) => message)
        .filter(({ publisherId }) => publisherId === `p${index}`);
      expect(this.world.completedBy(`p${index}`)).toEqual(sent.map(({ id }) => id));
    }
    expect(this.world.pipeline.load).toMatchObject({ publishers: 0, waiting: 0, waitingBytes: 0, batches: 0 });
    expect(this.world.timers.size).toBe(0);
  }
}

const first = Number(process.env["SEED"] ?? 1);
const seeds = Array.from({ length: process.env["SEED"] === undefined ? 150 : 1 }, (_, index) => first + index);

test(
  "every message completes once, in its publisher's order, within all bounds, and nothing stays behind",
  {
    timeout: 60_000,
  },
  async () => {
    let asked = 0;
    let opened = 0;
    const outcomes = new Set<string>();
    for (const seed of seeds) {
      const simulation = new Simulation(seed);
      try {
        for (let step = 0; step < 150; step++) await simulation.step();
        if (seed % 3 === 0) await simulation.world.pipeline.close();
        if (simulation.isHeld) simulation.holdOrRelease();
        // The world goes on until nothing moves.
        while (simulation.world.completions.length < simulation.submitted.length) {
          simulation.world.endTurn();
          await simulation.world.advance(TIMEOUT_MS);
          await settled();
        }
        simulation.check();
        asked += simulation.asked;
        for (const { verdict } of simulation.world.completions) {
          const failure =
            verdict.kind === "accept" ? verdict.failure : verdict.kind === "replace" ? undefined : verdict;
          outcomes.add(failure === undefined ? verdict.kind : `${verdict.kind}:${failure.reason}`);
        }
        opened += simulation.world.circuit.filter((told) => told.startsWith("opened")).length;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    expect(asked).toBeGreaterThan(seeds.length);
    if (seeds.length > 1) {
      // The simulation reached what it is for.
      const failures = ["circuit-open", "invalid-answer", "overloaded", "status", "timeout", "unreachable"];
      const all = ["accept", "drop", "reject"].flatMap((kind) => failures.map((name) => `${kind}:hook-${name}`));
      expect(opened).toBeGreaterThan(seeds.length / 10);
      expect([...outcomes].toSorted()).toEqual(["accept", "drop:hook-dropped", "drop:hook-stopped", ...all].toSorted());
    }
  },
);
