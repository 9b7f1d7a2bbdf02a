/** Many publishers and a hook that answers late, wrongly or never, from a seed. Set SEED to run another one, or a failing one again. */
import { expect, test } from "vitest";
import type { Message, PendingPublish, Verdict } from "../../src/broker/ports.ts";
import type { HookAnswer } from "../../src/hooks/hook.ts";
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

const LIMITS = { timeoutMs: 5000, batchMessagesMax: 7, batchBytesMax: 60, concurrencyMax: 4 };

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
  asked = 0;

  constructor(seed: number) {
    this.random = generator(seed);
    this.publishers = 1 + this.random(12);
    const onPublish = (batch: readonly Message[], signal: AbortSignal) => this.#request(batch, signal);
    this.waitingMax = [20, 100, 1000][this.random(3)]!;
    this.world = new World({
      ...LIMITS,
      waitingMax: this.waitingMax,
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
    expect(batch.length).toBeGreaterThan(0);
    expect(batch.length).toBeLessThanOrEqual(LIMITS.batchMessagesMax);
    if (batch.length > 1) expect(bytes).toBeLessThanOrEqual(LIMITS.batchBytesMax);
    for (const id of publishers) {
      expect(this.busy).not.toContain(id);
      this.busy.add(id);
      if (publishers.size > 1) expect(this.slow).not.toContain(id);
    }
    const startedAt = this.world.now;
    return new Promise((resolve, reject) => {
      const request = { batch, startedAt, slowPublishers: publishers, resolve, reject, signal };
      this.requests.add(request);
      expect(this.requests.size).toBeLessThanOrEqual(LIMITS.concurrencyMax);
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
    if (this.random(10) === 0) request.reject(new Error("no"));
    else request.resolve({ verdicts: verdicts.slice(0, this.random(10) === 0 ? 1 : undefined), status: 200 });
    await settled();
  }

  async step(): Promise<void> {
    const kind = this.random(10);
    if (kind < 4) for (let count = this.random(30); count > 0; count--) this.submit();
    else if (kind < 7) this.world.endTurn();
    else if (kind < 9) await this.answer();
    else this.world.advance([10, 300, 1500, 6000][this.random(4)]!);
    expect(this.world.pipeline.load.waiting).toBeLessThanOrEqual(this.waitingMax);
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
    const outcomes = new Set<string>();
    for (const seed of seeds) {
      const simulation = new Simulation(seed);
      try {
        for (let step = 0; step < 150; step++) await simulation.step();
        if (seed % 3 === 0) await simulation.world.pipeline.close();
        // The world goes on until nothing moves.
        while (simulation.world.completions.length < simulation.submitted.length) {
          simulation.world.endTurn();
          simulation.world.advance(LIMITS.timeoutMs);
          await settled();
        }
        simulation.check();
        asked += simulation.asked;
        for (const { verdict } of simulation.world.completions) {
          outcomes.add(verdict.kind === "drop" ? verdict.reason : verdict.kind);
        }
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    expect(asked).toBeGreaterThan(seeds.length);
    if (seeds.length > 1) {
      // The simulation reached what it is for.
      const all = [
        "accept",
        "hook-dropped",
        "hook-invalid-answer",
        "hook-overloaded",
        "hook-timeout",
        "hook-unreachable",
      ];
      expect([...outcomes].toSorted()).toEqual(all);
    }
  },
);
