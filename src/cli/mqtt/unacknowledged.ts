/** Publishes that wait for their acknowledgement: many at a time, so none of them has a promise or a timer of its own. */
import { noAnswer } from "./errors.ts";

/** Called once: without an error when the broker took the message. */
export type Done = (error?: Error) => void;

interface Waiting {
  readonly topic: string;
  readonly sentAtMs: number;
  readonly done: Done;
}

export class Unacknowledged {
  readonly #timeoutMs: number;
  /** By packet identifier, the oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  /** For the oldest. */
  #timer: NodeJS.Timeout | undefined;

  /** @param timeoutMs that an acknowledgement may take */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  has(packetId: number): boolean {
    return this.#waiting.has(packetId);
  }

  add(packetId: number, topic: string, done: Done): void {
    this.#waiting.set(packetId, { topic, sentAtMs: performance.now(), done });
    this.#timer ??= setTimeout(() => this.#giveUp(), this.#timeoutMs);
  }

  /** @param refusal makes the error of the topic, where the broker refused */
  settle(packetId: number, refusal?: (topic: string) => Error): void {
    const waiting = this.#waiting.get(packetId);
    if (waiting === undefined) return;
    this.#waiting.delete(packetId);
    waiting.done(refusal?.(waiting.topic));
  }

  /** No acknowledgement comes any more. */
  fail(error: Error): void {
    clearTimeout(this.#timer);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { done } of waiting) done(error);
  }

  #giveUp(): void {
    this.#timer = undefined;
    for (const [packetId, { topic, sentAtMs }] of this.#waiting) {
      const restMs = sentAtMs + this.#timeoutMs - performance.now();
      if (restMs > 0) {
        this.#timer = setTimeout(() => this.#giveUp(), Math.ceil(restMs));
        return;
      }
      this.settle(packetId, () => noAnswer(`the broker did not answer the message on ${topic}`, this.#timeoutMs));
    }
  }
}
