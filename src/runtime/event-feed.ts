/** What happens in a broker, for those who watch it, with a short memory for those who come back. */
import { randomBytes } from "node:crypto";
import type { BrokerEvent, Message, Observer } from "../broker/index.ts";
import { compactMessage } from "../broker/message.ts";
import { Queue } from "../broker/queue.ts";

/** What is kept for those who come back. Whichever is reached first; older events are forgotten. */
const KEPT_EVENTS_MAX = 10_000;
const KEPT_BYTES_MAX = 8 * 1024 * 1024;
/** How long events are still kept after the last watcher has left. */
const LINGER_MS = 60_000;
/** Watchers of one broker at the same time. */
const WATCHERS_MAX = 64;

/** Bytes that an event counts for beyond its texts and payloads. */
const EVENT_OVERHEAD_BYTES = 256;
const NO_PAYLOAD = Buffer.alloc(0);

export interface FeedEvent {
  /** Counts from 1 within a run of the feed. */
  readonly id: number;
  /** UNIX milliseconds. */
  readonly atMs: number;
  /** Fit for keeping: where nobody shows the payload, it is left out. */
  readonly event: BrokerEvent;
  /** What it counts for in limits. */
  readonly bytes: number;
}

export type FeedListener = (event: FeedEvent) => void;

/** Events from before somebody began to watch. */
export interface Past {
  readonly events: readonly FeedEvent[];
  /** How many are missing before them; undefined where some may be, and nobody knows how many. */
  readonly missing: number | undefined;
}

/**
 * The broker builds no events while nobody watches. So the feed runs from the first watcher until a minute after the
 * last one has left, and what happened before that run began is not known.
 */
export class EventFeed {
  readonly #setObserver: (observer: Observer | undefined) => void;
  readonly #listeners = new Set<FeedListener>();
  #kept = new Queue<FeedEvent>();
  #keptBytes = 0;
  #run = "";
  #isRunning = false;
  #lastId = 0;
  /** UNIX milliseconds: nothing that happened since then is missing. */
  #completeSinceMs = Infinity;
  #linger: NodeJS.Timeout | undefined;

  constructor(setObserver: (observer: Observer | undefined) => void) {
    this.#setObserver = setObserver;
  }

  /** Name of this run: ids of different runs have nothing to do with each other. */
  get run(): string {
    return this.#run;
  }

  /** Of the newest event. */
  get lastId(): number {
    return this.#lastId;
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  /** True if nobody else may watch. */
  get isFull(): boolean {
    return this.watchers >= WATCHERS_MAX;
  }

  /**
   * @param now UNIX milliseconds
   * @returns a function that ends it
   */
  watch(listener: FeedListener, now: number): () => void {
    clearTimeout(this.#linger);
    this.#listeners.add(listener);
    if (!this.#isRunning) this.#start(now);
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0 || !this.#isRunning) return;
      this.#linger = setTimeout(() => this.close(), LINGER_MS);
      this.#linger.unref();
    };
  }

  /** All that is known, in its order. */
  get past(): readonly FeedEvent[] {
    return [...this.#kept];
  }

  /** What followed an event of the run; of another run, nothing is known. */
  after(run: string, id: number): Past {
    if (run !== this.#run || id > this.#lastId) return { events: [], missing: undefined };
    const firstId = this.#lastId - this.#kept.length + 1;
    return { events: [...this.#kept].slice(Math.max(0, id + 1 - firstId)), missing: Math.max(0, firstId - id - 1) };
  }

  /** @param sinceMs UNIX milliseconds */
  since(sinceMs: number): Past {
    const events = [...this.#kept].filter(({ atMs }) => atMs >= sinceMs);
    return { events, missing: sinceMs >= this.#completeSinceMs ? 0 : undefined };
  }

  /** Ends the run. */
  close(): void {
    clearTimeout(this.#linger);
    this.#setObserver(undefined);
    this.#isRunning = false;
    this.#kept = new Queue();
    this.#keptBytes = 0;
  }

  #start(now: number): void {
    this.#isRunning = true;
    this.#run = randomBytes(6).toString("hex");
    this.#lastId = 0;
    this.#completeSinceMs = now;
    this.#setObserver((event, at) => this.#take(event, at));
  }

  #take(event: BrokerEvent, atMs: number): void {
    const fit = fitForKeeping(event);
    const entry = { id: ++this.#lastId, atMs, event: fit, bytes: eventBytes(fit) };
    this.#kept.push(entry);
    this.#keptBytes += entry.bytes;
    while (this.#kept.length > KEPT_EVENTS_MAX || this.#keptBytes > KEPT_BYTES_MAX) {
      const forgotten = this.#kept.shift()!;
      this.#keptBytes -= forgotten.bytes;
      this.#completeSinceMs = forgotten.atMs + 1;
    }
    for (const listener of this.#listeners) listener(entry);
  }
}

function fitForKeeping(event: BrokerEvent): BrokerEvent {
  switch (event.type) {
    case "publish":
    case "hook":
      compactMessage(event.message);
      return event;
    case "deliver":
    case "drop":
    case "expire":
      // These may come long after the message did, and must not keep its payload from being freed.
      return { ...event, message: { ...event.message, payload: NO_PAYLOAD, properties: undefined } };
    default:
      return event;
  }
}

function eventBytes(event: BrokerEvent): number {
  let bytes = EVENT_OVERHEAD_BYTES;
  if ("clientId" in event && event.clientId !== undefined) bytes += event.clientId.length;
  if ("reason" in event) bytes += event.reason.length;
  if ("topicFilter" in event) bytes += event.topicFilter.length;
  if ("message" in event) bytes += event.message.topic.length + contentBytes(event.message);
  if (event.type === "hook") {
    const { verdict, report } = event;
    if (verdict.kind === "replace") bytes += contentBytes(verdict);
    for (const { text } of report.console ?? []) bytes += text.length;
  }
  return bytes;
}

function contentBytes({ payload, properties }: Pick<Message, "payload" | "properties">): number {
  let bytes = payload.length;
  if (properties === undefined) return bytes;
  bytes += (properties.contentType?.length ?? 0) + (properties.responseTopic?.length ?? 0);
  bytes += properties.correlationData?.length ?? 0;
  for (const [name, value] of properties.userProperties ?? []) bytes += name.length + value.length;
  return bytes;
}
