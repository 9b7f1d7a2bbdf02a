/** The messages of one publisher on their way to the hook, and which publishers were slow of late. */
import type { Message, PendingPublish } from "../broker/ports.ts";
import { Queue } from "../broker/queue.ts";

/** Keeps the place of a message that was refused as `hook-overloaded`, so that it completes in its publisher's order. */
export class Refused {
  readonly pending: PendingPublish;
  constructor(pending: PendingPublish) {
    this.pending = pending;
  }
}

/** A message that waits for its verdict, or that has been refused and waits for its turn. */
export type Waiting = PendingPublish | Refused;

/**
 * Whose order a message keeps. What a hook publishes does not wait for the messages that made it do so: it may wait for
 * them itself.
 */
export function publisherOf({ publisherId, hops }: Message): string {
  return hops === undefined ? publisherId : `${publisherId}\0${hops}`;
}

export function bytesOf(message: Message): number {
  return message.payload.length;
}

/** One publisher that has messages on their way. Forgotten as soon as it has none. */
export class Publisher {
  readonly id: string;
  readonly queue = new Queue<Waiting>();
  /** Without the refused ones. */
  waiting = 0;
  waitingBytes = 0;
  /** Its messages go in batches of their own. */
  slow = false;
  /** A batch with its messages is under way, or it waits for a free slot. */
  busy = false;
  /** Its place among the publishers that wait for a slot. */
  turn = 0;

  constructor(id: string) {
    this.id = id;
  }
}

/** How long a publisher counts as slow after its last slow request, and how many of them are remembered. */
const SLOW_FOR_MS = 60_000;
const SLOW_PUBLISHERS_MAX = 1024;

/**
 * Remembers publishers whose requests were slow, beyond the life of their `Publisher`: one that publishes now and then
 * is never busy when it comes back. Bounded in time and number.
 */
export class SlowPublishers {
  /** Publisher id → until when, in the order of expiry. */
  readonly #untilMs = new Map<string, number>();

  get size(): number {
    return this.#untilMs.size;
  }

  has(id: string, now: number): boolean {
    return (this.#untilMs.get(id) ?? -Infinity) > now;
  }

  add(id: string, now: number): void {
    this.#untilMs.delete(id);
    this.#untilMs.set(id, now + SLOW_FOR_MS);
    for (const [oldest, untilMs] of this.#untilMs) {
      if (untilMs > now && this.#untilMs.size <= SLOW_PUBLISHERS_MAX) break;
      this.#untilMs.delete(oldest);
    }
  }

  delete(id: string): void {
    this.#untilMs.delete(id);
  }
}
