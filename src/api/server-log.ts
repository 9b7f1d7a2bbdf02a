/** Whichever is reached first; older lines are forgotten. */
const LINES_MAX = 2_000;
const LINE_CHARS_MAX = 8 * 1024;
/** Those who wait for a line at the same time; more are not made to wait. */
const WAITING_MAX = 64;

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
  readonly #waiting = new Set<() => void>();
  #lastId = 0;

  /** @param clock UNIX milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  add(line: string): void {
    const message = line.length > LINE_CHARS_MAX ? `${line.slice(0, LINE_CHARS_MAX)}…` : line;
    this.#entries.push({ id: ++this.#lastId, atMs: this.#clock(), message });
    if (this.#entries.length > LINES_MAX) this.#entries.shift();
    for (const tell of this.#waiting) tell();
  }

  /** Resolves at once where there is an entry after the one with this id, else with the next one or when the time is over. */
  async arrived(id: number, waitMs: number): Promise<void> {
    if (this.#lastId > id || this.#waiting.size >= WAITING_MAX) return;
    await new Promise<void>((resolve) => {
      const tell = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(tell);
        resolve();
      };
      const timer = setTimeout(tell, waitMs).unref();
      this.#waiting.add(tell);
    });
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
