import type { TailEvent } from "../contract/types.ts";
import type { EventSource } from "./event-json.ts";

/** What waits for a slow reader. Whichever is reached first; later events are counted and not kept. */
const QUEUED_EVENTS_MAX = 10_000;
const QUEUED_CHARS_MAX = 8 * 1024 * 1024;

/** Tells both ends, and whatever is between them, that the connection lives. */
const HEARTBEAT_MS = 15_000;

/**
 * Events as server-sent events (HTML standard §9.2), for one reader. Each has the contract's JSON as `data` and an `id`
 * that counts from 1 within the stream. Where events were lost, an event of the type `lost` stands in their place.
 */
export class EventStream {
  readonly #source: EventSource;
  readonly #clock: () => number;
  readonly #encoder = new TextEncoder();
  #queue: string[] = [];
  #queuedChars = 0;
  #lost = 0;
  #nextId = 1;
  #ended = false;
  /** Continues the reader that waits for more. */
  #wake: (() => void) | undefined;

  /** @param clock UNIX milliseconds */
  constructor(source: EventSource, clock: () => number) {
    this.#source = source;
    this.#clock = clock;
  }

  /** @param make makes the event, which is not done for those that are lost */
  push(make: () => TailEvent): void {
    if (this.#ended) return;
    // Once something is lost everything is, until the reader has caught up: so the gap is one, and in its place.
    if (this.#lost > 0 || this.#queue.length >= QUEUED_EVENTS_MAX || this.#queuedChars >= QUEUED_CHARS_MAX) {
      this.#lost++;
    } else {
      this.#enqueue("", make());
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
    // Sent at once, so that the reader gets the headers and knows that it is heard.
    this.#queue.push(": watching\n\n");
    const heartbeat = setInterval(() => {
      if (this.#queue.length === 0) this.#queue.push(": alive\n\n");
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
          if (this.#queue.length === 0 && !this.#ended) await this.#somethingToSend();
          const chunk = this.#takeAll();
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

  #somethingToSend(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #enqueue(fields: string, event: TailEvent): void {
    const text = `${fields}id: ${this.#nextId++}\ndata: ${JSON.stringify(event)}\n\n`;
    this.#queue.push(text);
    this.#queuedChars += text.length;
  }

  #takeAll(): string {
    if (this.#lost > 0) {
      const time = new Date(this.#clock()).toISOString();
      this.#enqueue("event: lost\n", { v: 1, event: "lost", time, ...this.#source, count: this.#lost });
      this.#lost = 0;
    }
    const chunk = this.#queue.join("");
    this.#queue = [];
    this.#queuedChars = 0;
    return chunk;
  }
}
