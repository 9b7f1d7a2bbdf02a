/** Lines kept for the report of a failure. */
const TAIL_LINES = 2000;

/** What happened, line by line: a hash of everything, and the last lines in full. */
export class Trace {
  readonly #tail: string[] = [];
  #low = 0x811c9dc5;
  #high = 0x01000193;
  #count = 0;

  add(line: string): void {
    this.#count++;
    for (let i = 0; i < line.length; i++) {
      this.#low = Math.imul(this.#low ^ line.charCodeAt(i), 0x01000193);
      this.#high = Math.imul(this.#high ^ this.#low, 0x85ebca6b) ^ (this.#high >>> 13);
    }
    this.#tail.push(line);
    if (this.#tail.length > 2 * TAIL_LINES) this.#tail.splice(0, TAIL_LINES);
  }

  /** Two runs with the same hash did the same. */
  get hash(): string {
    const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return `${hex(this.#low)}${hex(this.#high)}-${this.#count}`;
  }

  tail(lines: number): string[] {
    return this.#tail.slice(-lines);
  }
}
