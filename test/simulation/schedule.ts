interface Entry {
  readonly atMs: number;
  readonly run: () => void;
}

/** The finest step of virtual time: a fraction that floating point holds exactly. */
const TICK_MS = 1 / 256;

/**
 * What will happen, earliest first, in virtual time. No two events have the same time, so that what one of them sets off
 * is never due at the same moment as what another one does: the broker may choose any order there.
 */
export class Schedule {
  readonly #entries: Entry[] = [];
  #lastMs: number;

  constructor(startMs: number) {
    this.#lastMs = startMs;
  }

  get length(): number {
    return this.#entries.length;
  }

  get nextMs(): number {
    return this.#entries[0]?.atMs ?? Infinity;
  }

  /** Later entries for the same moment come later. */
  at(atMs: number, run: () => void): void {
    let index = this.#entries.length;
    while (index > 0 && this.#entries[index - 1]!.atMs > atMs) index--;
    this.#entries.splice(index, 0, { atMs, run });
  }

  /** Takes the next event: when it happens, and what. */
  shift(): Entry | undefined {
    const entry = this.#entries.shift();
    return entry && { atMs: this.tick(entry.atMs), run: entry.run };
  }

  /** A moment not before `atMs` at which nothing else has happened. */
  tick(atMs: number): number {
    this.#lastMs = Math.max(atMs, this.#lastMs + TICK_MS);
    return this.#lastMs;
  }
}
