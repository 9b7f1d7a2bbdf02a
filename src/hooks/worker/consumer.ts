/**
 * A consumer of a Worker: gives the messages of a lasting shared subscription to its handler `subscribe`, in batches that
 * leave when a call is free and grow with load. What the handler is done with is settled; the rest comes again later.
 */
import type {
  InternalDelivery,
  InternalPublish,
  InternalSubscriber,
  InternalSubscription,
  Message,
  PublishOutcome,
} from "../../broker/ports.ts";
import { Queue } from "../../broker/queue.ts";
import type { ConsumerConfiguration } from "./configuration.ts";

/** A message that is on its way to the handler. */
interface Entry {
  readonly delivery: InternalDelivery;
  /** Calls that were made with it. */
  attempts: number;
}

/** A message as it goes to the handler. */
export interface Attempt {
  readonly message: Message;
  /** 1 for the first one. */
  readonly attempt: number;
}

/** What the handler said. */
export interface Outcome {
  /** Why it failed, where it did. */
  readonly failure?: string;
  /** The Worker could not be asked: that is no attempt. */
  readonly isUnreachable?: boolean;
  /** By their place: those it was done with although it failed. */
  readonly acknowledged: readonly number[];
  /** By their place: those that are to come again, and after how many seconds. */
  readonly retries: readonly (readonly [index: number, delaySeconds: number | null])[];
}

export interface ConsumerPorts {
  /** Subscribes; see `InternalSubscription`. */
  readonly subscribe: (subscription: InternalSubscription) => InternalSubscriber;
  /** Publishes what is given up, where there is a topic for that. */
  readonly deadLetter: (message: InternalPublish) => Promise<PublishOutcome>;
  /** Calls the handler. Never rejects. */
  readonly call: (consumer: string, batch: readonly Attempt[], signal: AbortSignal) => Promise<Outcome>;
  /** Told of what is given up, and why; for people. */
  readonly warn: (text: string) => void;
}

export interface ConsumerOptions extends ConsumerPorts {
  /** Name of the Worker. */
  readonly worker: string;
  readonly configuration: ConsumerConfiguration;
  readonly timeoutMs?: number;
}

/** What a call may take; those to hooks have ten seconds, but their publishers wait. */
const TIMEOUT_MS = 60_000;
/** Messages that may be unsettled: those of calls, those that wait for one, and those that wait to come again. */
const WINDOW = 1000;
const BATCH_BYTES_MAX = 1024 * 1024;
const BACKOFF_SECONDS_MAX = 60;
/** What a reason for people may have in a user property. */
const REASON_CHARS_MAX = 1000;

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #subscriber: InternalSubscriber;
  readonly #waiting = new Queue<Entry>();
  readonly #calls = new Set<AbortController>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #onIdle = new Set<() => void>();
  #held = true;
  #isClosed = false;

  /** Begins held: nothing is called before `release`. */
  constructor(options: ConsumerOptions) {
    this.#options = options;
    const { worker, configuration } = options;
    this.#subscriber = options.subscribe({
      clientId: clientIdOf(worker, configuration),
      shareName: worker,
      filters: configuration.filters,
      qos: configuration.qos,
      window: WINDOW,
      receive: (deliveries) => {
        for (const delivery of deliveries) this.#waiting.push({ delivery, attempts: 0 });
        this.#next();
      },
      refused: (reason) => options.warn(`the broker refuses the consumer ${configuration.name}: ${reason}`),
    });
  }

  /** Calls nothing from now on. Resolves when no answer is awaited any more. */
  async hold(): Promise<void> {
    this.#held = true;
    if (this.#calls.size > 0) await new Promise<void>((resolve) => this.#onIdle.add(resolve));
  }

  release(): void {
    this.#held = false;
    this.#next();
  }

  /** Gives up what is under way. What is not settled stays in the session. */
  close(): void {
    this.#isClosed = true;
    this.#subscriber.disconnect();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const call of this.#calls) call.abort();
  }

  #next(): void {
    const { max_concurrency: callsMax } = this.#options.configuration;
    while (!this.#held && !this.#isClosed && this.#waiting.length > 0 && this.#calls.size < callsMax) void this.#call();
  }

  async #call(): Promise<void> {
    const { configuration, timeoutMs = TIMEOUT_MS } = this.#options;
    const batch = this.#takeBatch(configuration.max_batch_size);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    this.#calls.add(abort);
    const attempts = batch.map(({ delivery: { message }, attempts }) => ({ message, attempt: attempts + 1 }));
    const outcome = await this.#options.call(configuration.name, attempts, abort.signal);
    clearTimeout(timer);
    this.#calls.delete(abort);
    if (!this.#isClosed) this.#conclude(batch, outcome);
    if (this.#calls.size === 0) {
      for (const resolve of this.#onIdle) resolve();
      this.#onIdle.clear();
    }
    this.#next();
  }

  #takeBatch(messagesMax: number): Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    while (batch.length < messagesMax) {
      const entry = this.#waiting.peek();
      if (entry === undefined) break;
      bytes += entry.delivery.message.payload.length;
      if (bytes > BATCH_BYTES_MAX && batch.length > 0) break;
      batch.push(entry);
      this.#waiting.shift();
    }
    return batch;
  }

  #conclude(batch: readonly Entry[], { failure, isUnreachable, acknowledged, retries }: Outcome): void {
    const delays = new Map(retries);
    const isAcknowledged = new Set(acknowledged);
    const done: InternalDelivery[] = [];
    for (const [index, entry] of batch.entries()) {
      if (isAcknowledged.has(index) || (failure === undefined && !delays.has(index))) {
        done.push(entry.delivery);
        continue;
      }
      if (!isUnreachable) entry.attempts++;
      if (entry.attempts > this.#options.configuration.max_retries) void this.#giveUp(entry, failure ?? "retry()");
      else this.#retryLater(entry, delays.get(index) ?? undefined);
    }
    if (done.length > 0) this.#subscriber.settle(done, 0);
  }

  #retryLater(entry: Entry, delaySeconds = this.#delayOf(entry)): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#waiting.push(entry);
      this.#next();
    }, delaySeconds * 1000);
    timer.unref();
    this.#timers.add(timer);
  }

  #delayOf({ attempts }: Entry): number {
    return this.#options.configuration.retry_delay ?? Math.min(2 ** Math.max(0, attempts - 1), BACKOFF_SECONDS_MAX);
  }

  /** Not settled before it lies elsewhere, where it is to. */
  async #giveUp(entry: Entry, reason: string): Promise<void> {
    const { configuration, warn } = this.#options;
    const { name, dead_letter_topic: topic } = configuration;
    const { message } = entry.delivery;
    if (topic !== undefined) {
      const outcome = await this.#options.deadLetter(this.#deadLetter(message, topic, reason));
      if (outcome.reasonCode >= 0x80) {
        warn(`the consumer ${name} cannot publish to ${topic}, and tries again: ${outcome.reason}`);
        this.#retryLater(entry);
        return;
      }
    }
    warn(`the consumer ${name} gives up a message on ${message.topic} after ${entry.attempts} attempts: ${reason}`);
    this.#subscriber.settle([entry.delivery], 0x80);
  }

  /** The message as it was, with what it was given up for. */
  #deadLetter(message: Message, topic: string, reason: string): InternalPublish {
    const { worker, configuration } = this.#options;
    const { userProperties = [], ...properties } = message.properties ?? {};
    const whereabouts = [
      ["dead-letter-topic", message.topic],
      ["dead-letter-consumer", `${worker}/${configuration.name}`],
      // Through bytes, as half a surrogate pair may be left.
      ["dead-letter-reason", Buffer.from(reason.slice(0, REASON_CHARS_MAX).replaceAll("\0", "")).toString()],
    ] as const;
    return {
      ...{ topic, payload: message.payload, qos: 1, retain: false, skipsHooks: true },
      hops: (message.hops ?? 0) + 1,
      properties: { ...properties, userProperties: [...userProperties, ...whereabouts] },
    };
  }
}

/** Of the session that a consumer has in its broker. */
export function clientIdOf(worker: string, { name }: ConsumerConfiguration): string {
  return `${sessionPrefixOf(worker)}${name}`;
}

/** What the client ids of all consumers of a Worker begin with. */
export function sessionPrefixOf(worker: string): string {
  return `$worker/${worker}/`;
}
