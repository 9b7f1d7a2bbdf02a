/** What has come and was not asked for yet: messages of a client, events of a broker. */
interface Waiting<Item> {
  readonly matches: (item: Item) => boolean;
  readonly resolve: (item: Item) => void;
}

/** A test that gets more has gone wrong. */
const ITEMS_MAX = 100_000;

export class Inbox<Item> {
  /** Everything, in the order in which it came. */
  readonly all: Item[] = [];
  #untaken: Item[] = [];
  readonly #waiting = new Set<Waiting<Item>>();

  add(item: Item): void {
    if (this.all.length >= ITEMS_MAX) throw new Error(`more than ${ITEMS_MAX} came`);
    this.all.push(item);
    for (const waiting of this.#waiting) {
      if (!waiting.matches(item)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(item);
      return;
    }
    this.#untaken.push(item);
  }

  /** The first one that matches and was not taken before, as soon as it is there; undefined where it does not come. */
  async take(matches: (item: Item) => boolean, withinMs: number, signal?: AbortSignal): Promise<Item | undefined> {
    const index = this.#untaken.findIndex(matches);
    if (index !== -1) return this.#untaken.splice(index, 1)[0];
    return await new Promise<Item | undefined>((resolve) => {
      const finish = (item?: Item) => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        signal?.removeEventListener("abort", giveUp);
        resolve(item);
      };
      const giveUp = () => finish();
      const waiting: Waiting<Item> = { matches, resolve: finish };
      const timer = setTimeout(giveUp, withinMs);
      this.#waiting.add(waiting);
      signal?.addEventListener("abort", giveUp, { once: true });
      if (signal?.aborted) giveUp();
    });
  }

  /** Those that nobody has taken. */
  get untaken(): readonly Item[] {
    return this.#untaken;
  }
}
