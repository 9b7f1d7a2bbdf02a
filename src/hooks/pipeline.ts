/**
 * Hands messages to a hook in batches, and its verdicts back to the broker.
 *
 * - A batch leaves at the end of the turn in which its first message came: batching grows with load and never waits.
 * - A publisher has one batch under way at most; what it publishes meanwhile makes up its next one. So its order is kept.
 * - While slots are free every publisher has batches of its own, so that none waits for another's answer. Only when more
 *   publishers wait than slots are free do several share a batch, and never one whose last request was slow.
 * - Slow publishers together hold half of the slots at most, so that the others always find one.
 */
import type { HookReport, Hooks, Message, PendingPublish, Verdict } from "../broker/ports.ts";
import type { HookAnswer } from "./hook.ts";
import { Queue } from "../broker/queue.ts";
import { bytesOf, Publisher, publisherOf, Refused, SlowPublishers, type Waiting } from "./publisher.ts";

/** Who decides about the batches. */
export interface BatchHook {
  /** See `Hook`. */
  onPublish(batch: readonly Message[]): Promise<HookAnswer>;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

export interface HookPipelineOptions {
  readonly hook: BatchHook;
  /** Called once for each message submitted, in order within a publisher; possibly from within `submit`. */
  readonly complete: (pending: PendingPublish, verdict: Verdict, report: HookReport) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly batchMessagesMax?: number;
  /** Payload bytes of a batch; a larger message goes alone. */
  readonly batchBytesMax?: number;
  /** Batches under way at a time. */
  readonly concurrencyMax?: number;
  /**
   * Messages that wait for a batch, of all publishers. One publisher may use as much as is left for others, that is half
   * of it when it is alone: there is always room for a publisher with few messages. Beyond: `hook-overloaded`.
   */
  readonly waitingMax?: number;
  /** Payload bytes that wait for a batch, shared in the same way. */
  readonly waitingBytesMax?: number;
  /** A publisher whose request took longer is slow. */
  readonly slowMs?: number;
  /** Runs a function at the end of the current turn. */
  readonly schedule?: (run: () => void) => void;
}

/** One request to the hook. */
interface Batch {
  /** All that complete with this batch, refused ones between the others included. */
  readonly entries: readonly Waiting[];
  /** Those that the hook is asked about. */
  readonly messages: readonly Message[];
  readonly publishers: readonly Publisher[];
  readonly slow: boolean;
  readonly id: number;
  readonly startedAt: number;
}

const OVERLOADED: Verdict = { kind: "drop", reason: "hook-overloaded", detail: "too many messages wait for the hook" };
const STOPPED: Verdict = { kind: "drop", reason: "hook-stopped", detail: "broker stopped" };
/** The hook has a bug: fewer verdicts than messages. */
const NO_VERDICT: Verdict = { kind: "drop", reason: "hook-invalid-answer", detail: "no verdict" };
/** For what no request was made for. */
const NO_REQUEST: HookReport = { elapsedMs: 0, batchSize: 0 };

const DEFAULTS = {
  batchMessagesMax: 100,
  batchBytesMax: 1024 * 1024,
  concurrencyMax: 32,
  waitingMax: 65_536,
  waitingBytesMax: 64 * 1024 * 1024,
  slowMs: 1000,
  schedule: queueMicrotask,
};

export class HookPipeline implements Pick<Hooks, "submit"> {
  readonly #options: HookPipelineOptions & typeof DEFAULTS;
  readonly #slowSlotsMax: number;
  /** Only those that have messages waiting or under way. */
  readonly #publishers = new Map<string, Publisher>();
  readonly #slowPublishers = new SlowPublishers();
  /** Publishers that wait for a slot, by turn. */
  readonly #ready = new Queue<Publisher>();
  readonly #readySlow = new Queue<Publisher>();
  #turns = 0;
  readonly #batches = new Set<Batch>();
  #batchIds = 0;
  #slowBatches = 0;
  #waiting = 0;
  #waitingBytes = 0;
  #refused = 0;
  #refusedBytes = 0;
  #scheduled = false;
  #completing = false;
  #held = false;
  #state: "open" | "closing" | "closed" = "open";
  /** Bugs of `complete`, thrown when all messages are done. */
  #errors: unknown[] = [];

  constructor(options: HookPipelineOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#slowSlotsMax = Math.max(1, Math.floor(this.#options.concurrencyMax / 2));
  }

  /** How much is under way, for metrics. All but `slowPublishers` are 0 when nothing is. */
  get load(): { publishers: number; waiting: number; waitingBytes: number; batches: number; slowPublishers: number } {
    return {
      publishers: this.#publishers.size,
      waiting: this.#waiting + this.#refused,
      waitingBytes: this.#waitingBytes + this.#refusedBytes,
      batches: this.#batches.size,
      slowPublishers: this.#slowPublishers.size,
    };
  }

  submit(pending: PendingPublish): void {
    if (this.#state === "closed") return this.#complete(pending, STOPPED, NO_REQUEST);
    const publisherId = publisherOf(pending.message);
    const known = this.#publishers.get(publisherId);
    const size = bytesOf(pending.message);
    if (!this.#hasRoom(known, size)) return this.#refuse(pending, known, size);

    const publisher = known ?? new Publisher(publisherId);
    if (known === undefined) this.#publishers.set(publisherId, publisher);
    publisher.queue.push(pending);
    publisher.waiting++;
    publisher.waitingBytes += size;
    this.#waiting++;
    this.#waitingBytes += size;
    if (publisher.busy) return;
    publisher.busy = true;
    publisher.slow = this.#slowPublishers.has(publisherId, this.#options.now());
    this.#queueUp(publisher);
  }

  /** Hands no more batches to the hook from now on: messages wait, as far as there is room. */
  hold(): void {
    this.#held = true;
  }

  /** Ends `hold`: what has waited is asked about, in its order. */
  release(): void {
    this.#held = false;
    if (this.#ready.length > 0 || this.#readySlow.length > 0) this.#wake();
  }

  /**
   * Gives up what is under way and drops all messages (`hook-stopped`) before it returns, then
   * closes the hook. Messages that come later are dropped the same way.
   */
  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      // Called by `complete`: the loop that runs now finishes its batch first, for the order within a publisher.
      if (this.#completing) await Promise.resolve();
      else this.#dropAll();
    }
    await this.#options.hook.close();
  }

  #hasRoom(publisher: Publisher | undefined, size: number): boolean {
    const { waitingMax, waitingBytesMax } = this.#options;
    return (
      (publisher?.waiting ?? 0) < waitingMax - this.#waiting &&
      (publisher?.waitingBytes ?? 0) + size <= waitingBytesMax - this.#waitingBytes
    );
  }

  /**
   * Completes a message that has no room: at once, or behind those of its publisher that came before. The places of
   * refused messages are bounded like the others; beyond, memory goes before order (the broker keeps it anyway).
   */
  #refuse(pending: PendingPublish, publisher: Publisher | undefined, size: number): void {
    const { waitingMax, waitingBytesMax } = this.#options;
    const bounded = this.#refused < waitingMax && this.#refusedBytes + size <= waitingBytesMax;
    if (publisher === undefined || !bounded) return this.#complete(pending, OVERLOADED, NO_REQUEST);
    publisher.queue.push(new Refused(pending));
    this.#refused++;
    this.#refusedBytes += size;
  }

  #queueUp(publisher: Publisher): void {
    publisher.turn = this.#turns++;
    (publisher.slow ? this.#readySlow : this.#ready).push(publisher);
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled || this.#held || this.#state !== "open") return;
    this.#scheduled = true;
    this.#options.schedule(() => {
      this.#scheduled = false;
      this.#fillSlots();
    });
  }

  /** Sends batches while there are free slots and publishers that wait for one, first come first served. */
  #fillSlots(): void {
    while (this.#state === "open" && !this.#held) {
      const slots = this.#options.concurrencyMax - this.#batches.size;
      if (slots <= 0) return;
      const slowSlots = this.#slowSlotsMax - this.#slowBatches;
      const slow = slowSlots > 0 ? this.#readySlow.peek() : undefined;
      const next = this.#ready.peek();
      if (slow !== undefined && (next === undefined || slow.turn < next.turn)) {
        this.#readySlow.shift();
        const entries: Waiting[] = [];
        this.#take(slow, entries, this.#options.batchMessagesMax, this.#options.batchBytesMax);
        this.#send(entries, [slow], true);
      } else if (next !== undefined) {
        const taken = Math.min(this.#readySlow.length, slowSlots, slots - 1);
        this.#sendShared(Math.ceil(this.#ready.length / (slots - taken)));
      } else return;
    }
  }

  /** Sends one batch for the next publishers: 1 where there are slots enough for all that wait. */
  #sendShared(publishersMax: number): void {
    const { batchMessagesMax, batchBytesMax } = this.#options;
    const entries: Waiting[] = [];
    const publishers: Publisher[] = [];
    let messages = 0;
    let bytes = 0;
    const count = Math.min(publishersMax, batchMessagesMax);
    while (publishers.length < count) {
      const publisher = this.#ready.peek();
      if (publisher === undefined) break;
      // An equal part of what is left, so that none is left out and none takes all.
      const share = Math.ceil((batchMessagesMax - messages) / (count - publishers.length));
      const before = { waiting: publisher.waiting, bytes: publisher.waitingBytes };
      this.#take(publisher, entries, share, batchBytesMax - bytes);
      // Its first message is too large for what is left of this batch.
      if (publisher.waiting === before.waiting) break;
      messages += before.waiting - publisher.waiting;
      bytes += before.bytes - publisher.waitingBytes;
      publishers.push(publisher);
      this.#ready.shift();
    }
    this.#send(entries, publishers, false);
  }

  /** Moves messages of a publisher to a batch; refused ones between them come along. */
  #take(publisher: Publisher, entries: Waiting[], messagesMax: number, bytesMax: number): void {
    const alone = entries.length === 0;
    let messages = 0;
    let bytes = 0;
    for (let entry = publisher.queue.peek(); entry !== undefined; entry = publisher.queue.peek()) {
      if (entry instanceof Refused) {
        this.#forgetRefused(entry);
      } else {
        const size = bytesOf(entry.message);
        if (messages === messagesMax || (bytes + size > bytesMax && !(alone && messages === 0))) return;
        messages++;
        bytes += size;
        publisher.waiting--;
        publisher.waitingBytes -= size;
        this.#waiting--;
        this.#waitingBytes -= size;
      }
      publisher.queue.shift();
      entries.push(entry);
    }
  }

  #forgetRefused(entry: Refused): void {
    this.#refused--;
    this.#refusedBytes -= bytesOf(entry.pending.message);
  }

  #send(entries: readonly Waiting[], publishers: readonly Publisher[], slow: boolean): void {
    const { now } = this.#options;
    const messages: Message[] = [];
    for (const entry of entries) if (!(entry instanceof Refused)) messages.push(entry.message);
    const batch: Batch = {
      ...{ entries, messages, publishers, slow },
      id: ++this.#batchIds,
      startedAt: now(),
    };
    this.#batches.add(batch);
    if (slow) this.#slowBatches++;
    this.#ask(batch).then(
      (answer) => this.#settle(batch, answer, NO_VERDICT),
      (error: unknown) => {
        const detail = error instanceof Error ? error.message : String(error);
        this.#settle(batch, undefined, { kind: "drop", reason: "hook-unreachable", detail });
      },
    );
  }

  /** Async, so that a hook which throws rejects. */
  async #ask(batch: Batch): Promise<HookAnswer> {
    return await this.#options.hook.onPublish(batch.messages);
  }

  /**
   * Completes the messages of a batch, once: what comes after `close` is ignored.
   * @param otherwise for messages without a verdict in the answer
   */
  #settle(batch: Batch, answer: HookAnswer | undefined, otherwise: Verdict): void {
    if (!this.#batches.delete(batch)) return;
    if (batch.slow) this.#slowBatches--;
    const now = this.#options.now();
    const elapsedMs = now - batch.startedAt;
    const report = {
      elapsedMs,
      batchSize: batch.messages.length,
      batchId: batch.id,
      ...(answer?.status !== undefined && { status: answer.status }),
      ...(answer?.attempts !== undefined && { attempts: answer.attempts }),
      ...(answer?.console !== undefined && { console: answer.console }),
    };
    for (const publisher of batch.publishers) {
      publisher.slow = elapsedMs > this.#options.slowMs;
      if (publisher.slow) this.#slowPublishers.add(publisher.id, now);
      else this.#slowPublishers.delete(publisher.id);
    }
    this.#inOrder(() => {
      let next = 0;
      for (const entry of batch.entries) {
        if (entry instanceof Refused) this.#complete(entry.pending, OVERLOADED, NO_REQUEST);
        else this.#complete(entry, answer?.verdicts[next++] ?? otherwise, report);
      }
      for (const publisher of batch.publishers) this.#release(publisher);
    });
    // There is a free slot, also for those that have waited for one.
    if (this.#ready.length > 0 || this.#readySlow.length > 0) this.#wake();
  }

  /** Runs a loop of completions. A `close` that is called from one of them takes effect at the end. */
  #inOrder(completions: () => void): void {
    const outermost = !this.#completing;
    this.#completing = true;
    completions();
    if (!outermost) return;
    this.#completing = false;
    if (this.#state === "closing") this.#dropAll();
  }

  /** After its batch: the publisher waits for its next one, or is forgotten. */
  #release(publisher: Publisher): void {
    for (let entry = publisher.queue.peek(); entry instanceof Refused; entry = publisher.queue.peek()) {
      publisher.queue.shift();
      this.#forgetRefused(entry);
      this.#complete(entry.pending, OVERLOADED, NO_REQUEST);
    }
    if (publisher.queue.length > 0) return this.#queueUp(publisher);
    publisher.busy = false;
    this.#publishers.delete(publisher.id);
  }

  /** Every message gets its verdict even where the broker fails over one: its error is thrown afterwards. */
  #complete(pending: PendingPublish, verdict: Verdict, report: HookReport): void {
    try {
      this.#options.complete(pending, verdict, report);
    } catch (error) {
      if (this.#errors.push(error) > 1) return;
      queueMicrotask(() => {
        const errors = this.#errors;
        this.#errors = [];
        throw errors[0];
      });
    }
  }

  #dropAll(): void {
    this.#completing = true;
    for (const batch of this.#batches) this.#settle(batch, undefined, STOPPED);
    for (const [id, publisher] of this.#publishers) {
      for (let entry = publisher.queue.shift(); entry !== undefined; entry = publisher.queue.shift()) {
        if (entry instanceof Refused) this.#complete(entry.pending, OVERLOADED, NO_REQUEST);
        else this.#complete(entry, STOPPED, NO_REQUEST);
      }
      // What a completion submits makes a new entry, which this loop comes to.
      this.#publishers.delete(id);
    }
    this.#waiting = this.#waitingBytes = this.#refused = this.#refusedBytes = 0;
    this.#state = "closed";
    this.#completing = false;
  }
}
