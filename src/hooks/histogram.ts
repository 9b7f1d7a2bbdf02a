/** How often something took how long, in a few fixed steps. */

/** Upper bounds in seconds, ascending: from a Worker beside the broker to the longest time limit. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Histogram {
  /** One for each bound, and one for what took longer than all of them. */
  readonly #counts = new Float64Array(BOUNDS.length + 1);
  count = 0;
  seconds = 0;

  add(ms: number): void {
    const seconds = ms / 1000;
    let index = 0;
    while (index < BOUNDS.length && seconds > BOUNDS[index]!) index++;
    this.#counts[index]!++;
    this.count++;
    this.seconds += seconds;
  }

  /** For each bound, how many took that long at most. */
  *cumulated(): IterableIterator<readonly [boundSeconds: number, count: number]> {
    let count = 0;
    for (const [index, bound] of BOUNDS.entries()) yield [bound, (count += this.#counts[index]!)];
  }
}
