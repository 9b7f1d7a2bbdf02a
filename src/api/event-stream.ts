import type { TailEvent } from "../contract/types.ts";
import type { FeedEvent } from "../runtime/index.ts";
import { type EventSource, publicEvent } from "./event-json.ts";

/** What waits for a slow reader. Whichever is reached first; later events are counted and not kept. */
const QUEUED_EVENTS_MAX = 10_000;
const QUEUED_BYTES_MAX = 32 * 1024 * 1024;

/** What is written as JSON in one go: others have their turn in between. */
const CHUNK_EVENTS_MAX = 256;
const CHUNK_BYTES_MAX = 1024 * 1024;

/** Tells both ends, and whatever is between them, that the connection lives. */
const HEARTBEAT_MS = 15_000;

type Lost = Omit<Extract<TailEvent, { event: "lost" }>, "v" | "event" | "time" | keyof EventSource>;

export interface EventStreamOptions {
  readonly source: EventSource;
  /** See `publicEvent`. */
  readonly payloadBytesMax: number | undefined;
  /** UNIX milliseconds. */
  readonly clock: () => number;
  /** Of the feed: see `eventId`. */
  readonly run: string;
  /** Of the last event before the stream begins. */
  readonly startId: number;
  /** Of the newest event there is, whether it is for this reader or not. */
  readonly newestId: () => number;
}

/** The `id` of an event, for Last-Event-ID: the run of the feed, and a number within it. */
function eventId(run: string, id: number): string {
  return `${run}-${id}`;
}

/** @returns undefined for what no server of ours has given */
export function parseEventId(text: string): { readonly run: string; readonly id: number } | undefined {
  const [, run, id] = /^([0-9a-f]{1,32})-(\d{1,15})$/.exec(text) ?? [];
  return run === undefined ? undefined : { run, id: Number(id) };
}

/**
 * Events as server-sent events (HTML standard §9.2), for one reader. Each has the contract's JSON as `data`, and an `id`
 * with which a reader that has lost the connection goes on. Where events were lost, an event of the type `lost` stands
 * in their place.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #encoder = new TextEncoder();
  /** Text that goes before everything that is queued. */
  #head: string;
  readonly #queue: FeedEvent[] = [];
  #queuedBytes = 0;
  #lost = 0;
  #lastLostId = 0;
  #ended = false;
  /** Continues the reader that waits for more. */
  #wake: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    // Sent at once, so that the reader gets the headers, and knows that it is heard and where it stands.
    this.#head = `: watching\n${this.#position(options.startId)}\n`;
  }

  /** Says, before everything else, that events from before are missing. @param count undefined where it is not known */
  missing(count: number | undefined): void {
    this.#head += this.#lostText({ reason: "not-kept", ...(count !== undefined && { count }) });
  }

  /** Runs within the turn of the broker, and so does no more than it must. */
  push(event: FeedEvent): void {
    if (this.#ended) return;
    // Once something is lost everything is, until the reader has caught up: so the gap is one, and in its place.
    if (this.#lost > 0 || this.#queue.length >= QUEUED_EVENTS_MAX || this.#queuedBytes >= QUEUED_BYTES_MAX) {
      this.#lost++;
      this.#lastLostId = event.id;
    } else {
      this.#queue.push(event);
      this.#queuedBytes += event.bytes;
    }
    this.#wake?.();
  }

  /** No more events come. What waits is still read. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** @param onClose called once, when the reader has left or has read everything up to the end */
  open(onClose: () => void): ReadableStream<Uint8Array> {
    const heartbeat = setInterval(() => {
      if (this.#isIdle) this.#head = `: alive\n${this.#position(this.#options.newestId())}\n`;
      this.#wake?.();
    }, HEARTBEAT_MS);
    heartbeat.unref();
    const close = () => {
      clearInterval(heartbeat);
      this.#ended = true;
      onClose();
    };
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (this.#isIdle && !this.#ended) await this.#somethingToSend();
          const chunk = this.#takeSome();
          if (chunk !== "") controller.enqueue(this.#encoder.encode(chunk));
          if (chunk !== "" || !this.#ended) return;
          close();
          controller.close();
        },
        cancel: () => {
          close();
          this.#wake?.();
        },
      },
      // Events wait in one place only, where they are counted.
      { highWaterMark: 0 },
    );
  }

  get #isIdle(): boolean {
    return this.#head === "" && this.#queue.length === 0 && this.#lost === 0;
  }

  #somethingToSend(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #takeSome(): string {
    let text = this.#head;
    this.#head = "";
    // The events then have a chunk of their own, which is not made before it is asked for.
    if (text !== "") return text;
    for (const event of this.#nextChunk()) text += this.#eventText(event);
    if (this.#queue.length > 0) return text;
    if (this.#lost > 0) {
      text += `id: ${eventId(this.#options.run, this.#lastLostId)}\n`;
      text += this.#lostText({ reason: "slow-reader", count: this.#lost });
      this.#lost = 0;
    }
    return text;
  }

  #nextChunk(): FeedEvent[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && count < CHUNK_EVENTS_MAX && bytes < CHUNK_BYTES_MAX) {
      bytes += this.#queue[count++]!.bytes;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #eventText({ id, atMs, event }: FeedEvent): string {
    const { run, source, payloadBytesMax } = this.#options;
    const json = JSON.stringify(publicEvent(event, atMs, source, payloadBytesMax));
    return `id: ${eventId(run, id)}\ndata: ${json}\n\n`;
  }

  #lostText(lost: Lost): string {
    const { source, clock } = this.#options;
    const event: TailEvent = { v: 1, event: "lost", time: new Date(clock()).toISOString(), ...source, ...lost };
    return `event: lost\ndata: ${JSON.stringify(event)}\n\n`;
  }

  /** Where the reader stands that has read everything so far, also if nothing of it was for its eyes. */
  #position(id: number): string {
    return `id: ${eventId(this.#options.run, id)}\n`;
  }
}
