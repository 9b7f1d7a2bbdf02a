/** Numbers of a broker, for those who collect such. */
import type { HookReport, Traffic, Verdict } from "../broker/index.ts";
import type { HookLoad } from "../hooks/index.ts";

export interface BrokerMetrics {
  readonly connections: number;
  readonly sessions: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  readonly traffic: Traffic;
  readonly verdicts: HookVerdicts;
  /** undefined for a broker without a hook. */
  readonly hook: HookLoad | undefined;
}

/** Of the server's network connections, whichever broker they are for. */
export interface NetworkTraffic {
  bytesReceived: number;
  bytesSent: number;
}

export interface VerdictCount {
  readonly kind: Verdict["kind"];
  /** Why it was dropped, rejected, or accepted in spite of the hook's failure. */
  readonly reason: string | undefined;
  count: number;
}

/** Verdicts with reasons are few; a bound all the same. */
const KINDS_MAX = 64;

/** Counts a hook's verdicts. */
export class HookVerdicts {
  readonly #counts = new Map<string, VerdictCount>();
  /** From handing messages to the hook to their verdicts, all of them together. */
  seconds = 0;

  add(verdict: Verdict, { elapsedMs }: HookReport): void {
    this.seconds += elapsedMs / 1000;
    const { kind } = verdict;
    const reason = kind === "replace" ? undefined : kind === "accept" ? verdict.failure?.reason : verdict.reason;
    const key = `${kind}:${reason}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count++;
    else if (this.#counts.size < KINDS_MAX) this.#counts.set(key, { kind, reason, count: 1 });
  }

  [Symbol.iterator](): IterableIterator<VerdictCount> {
    return this.#counts.values();
  }
}
