/** Whichever is reached first; older lines are forgotten. */
const LINES_MAX = 2_000;
const LINE_CHARS_MAX = 8 * 1024;

export interface LogEntry {
  /** Counts from 1 within one run of the server. */
  readonly id: number;
  /** UNIX milliseconds. */
  readonly atMs: number;
  readonly message: string;
}

/** The last lines of what the server said to its owner. */
export class ServerLog {
  readonly #clock: () => number;
  readonly #entries: LogEntry[] = [];
  #lastId = 0;

  /** @param clock UNIX milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  add(line: string): void {
    const message = line.length > LINE_CHARS_MAX ? `${line.slice(0, LINE_CHARS_MAX)}…` : line;
    this.#entries.push({ id: ++this.#lastId, atMs: this.#clock(), message });
    if (this.#entries.length > LINES_MAX) this.#entries.shift();
  }

  /** The oldest entries after the one with this id. */
  after(id: number, limit: number): readonly LogEntry[] {
    const index = this.#entries.findIndex((entry) => entry.id > id);
    return index === -1 ? [] : this.#entries.slice(index, index + limit);
  }

  /** The newest entries, oldest first. */
  newest(limit: number): readonly LogEntry[] {
    return this.#entries.slice(-limit);
  }
}
