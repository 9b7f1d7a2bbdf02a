import { setTimeout as sleep } from "node:timers/promises";
import { HostileConnection, type Ports } from "./hostile-connection.ts";
import { outlineOf, sequenceOf } from "./scenarios/index.ts";
import type { Case, Plan, Sequence, Transport } from "./sequence.ts";
import { Violation } from "./violation.ts";

const SOCKETS_MAX = 200;
/** A sequence that ended so long ago may still be what broke something. */
const SUSPECT_MS = 1_000;

/** A sequence that was sent, with its connections. */
export interface Sent {
  readonly sequence: Sequence;
  readonly connections: HostileConnection[];
  /** Infinity while it goes on. */
  endedAtMs: number;
}

export interface WorkersOptions {
  /** Sequences, or what they are made from. */
  readonly cases: Iterator<Case | Sequence>;
  readonly transports: readonly Transport[];
  readonly count: number;
  readonly ports: Ports;
  readonly onViolation: (violation: Violation, by: Sent) => void;
  readonly onSent: (sent: Sent) => void;
}

/** Sends sequences, several at the same time. */
export class Workers {
  sequences = 0;
  connections = 0;
  readonly #options: WorkersOptions;
  #recent: Sent[] = [];
  #freeSockets = SOCKETS_MAX;
  #waiting: (() => void)[] = [];
  #isStopped = false;
  #isExhausted = false;

  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** No more cases are left. */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  /** What is being sent, or was until lately. */
  get suspects(): Sent[] {
    return this.#recent.filter(({ endedAtMs }) => endedAtMs > performance.now() - SUSPECT_MS);
  }

  /** Sends sequences until the time has come; none that would last longer is begun. */
  async run(untilMs: number): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.count }, () => this.#work(untilMs)));
  }

  stop(): void {
    this.#isStopped = true;
    for (const { connections } of this.#recent) for (const connection of connections) connection.destroy();
    this.#wakeWaiting();
  }

  async #work(untilMs: number): Promise<void> {
    while (!this.#isStopped && performance.now() < untilMs) {
      const next = this.#options.cases.next();
      if (next.done) {
        this.#isExhausted = true;
        return;
      }
      const one = next.value;
      const { transport, lastsMs } = "plans" in one ? { ...one, lastsMs: 0 } : outlineOf(one);
      const isWanted = this.#options.transports.includes(transport) && performance.now() + lastsMs < untilMs;
      if (isWanted) await this.#send("plans" in one ? one : sequenceOf(one));
      else await sleep(0);
    }
  }

  async #send(sequence: Sequence): Promise<void> {
    await this.#takeSockets(sequence.plans.length);
    const sent: Sent = { sequence, connections: [], endedAtMs: Infinity };
    this.#recent = [...this.suspects, sent];
    try {
      if (!this.#isStopped) await Promise.all(sequence.plans.map((plan) => this.#carryOut(plan, sent)));
    } catch (error) {
      if (!this.#isStopped) this.#options.onViolation(error as Violation, sent);
    } finally {
      sent.endedAtMs = performance.now();
      this.#freeSockets += sequence.plans.length;
      this.#wakeWaiting();
    }
    this.sequences++;
    this.#options.onSent(sent);
  }

  async #carryOut(plan: Plan, sent: Sent): Promise<void> {
    if (plan.startMs > 0) await sleep(plan.startMs);
    if (this.#isStopped) return;
    const connection = new HostileConnection(plan, this.#options.ports);
    this.connections++;
    sent.connections.push(connection);
    try {
      await connection.run();
    } catch (error) {
      if (error instanceof Violation)
        throw new Violation(`connection ${sent.connections.indexOf(connection)}: ${error.message}`);
      // The connection was refused or reset: whether the server is alive is asked elsewhere.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }

  async #takeSockets(count: number): Promise<void> {
    while (this.#freeSockets < count && !this.#isStopped)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#freeSockets -= count;
  }

  #wakeWaiting(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
