/** Server-sent events, as the HTML standard defines their interpretation (§9.2.6), from text that comes in pieces. */

export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly event: string;
  readonly data: string;
  /** The last one that the stream gave; empty if none. */
  readonly id: string;
}

/** Longest event, in characters: far beyond what the server sends. */
const EVENT_CHARS_MAX = 16 * 1024 * 1024;

export class SseParser {
  #rest = "";
  /** The text so far ended with CR: an LF that follows belongs to it. */
  #afterCr = false;
  #isStart = true;
  #data: string[] = [];
  #dataChars = 0;
  #event = "";
  #id = "";
  #lastEventId = "";

  /** The last one that the stream gave, with an event or without; empty if none. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /**
   * @returns the events that this piece completes
   * @throws {RangeError} if an event is longer than 16 million characters
   */
  push(piece: string): ServerSentEvent[] {
    let text = piece;
    if (text === "") return [];
    if (this.#isStart && text.startsWith("\uFEFF")) text = text.slice(1);
    this.#isStart = false;
    if (this.#afterCr && text.startsWith("\n")) text = text.slice(1);
    this.#afterCr = text.endsWith("\r");

    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()!;
    const events: ServerSentEvent[] = [];
    for (const line of lines) {
      if (line === "") this.#dispatch(events);
      else this.#readField(line);
    }
    if (this.#rest.length + this.#dataChars > EVENT_CHARS_MAX) throw new RangeError("a server-sent event is too long");
    return events;
  }

  #readField(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // A comment: the server's heartbeat.
    const field = colon === -1 ? line : line.slice(0, colon);
    let value = colon === -1 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") {
      this.#data.push(value);
      this.#dataChars += value.length;
    } else if (field === "event") {
      this.#event = value;
    } else if (field === "id" && !value.includes("\0")) {
      this.#id = value;
    }
  }

  #dispatch(events: ServerSentEvent[]): void {
    this.#lastEventId = this.#id;
    if (this.#data.length > 0) {
      events.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.#id });
    }
    this.#data = [];
    this.#dataChars = 0;
    this.#event = "";
  }
}
