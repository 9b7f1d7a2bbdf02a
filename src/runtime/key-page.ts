/** Sorting starts when so many times the page has come together. */
const COLLECTED_PAGES = 4;

/**
 * Picks one page out of any number of keys, which may come in any order: the smallest ones after the cursor. Costs
 * memory for a few pages only, however many keys there are.
 */
export class KeyPage {
  readonly #after: string | undefined;
  readonly #limit: number;
  #kept: string[] = [];
  /** Keys past it are on a later page. */
  #bound: string | undefined;

  /**
   * @param after the last key of the page before; undefined for the first page
   * @param limit keys of a page, at least 1
   */
  constructor(after: string | undefined, limit: number) {
    this.#after = after;
    this.#limit = limit;
  }

  add(key: string): void {
    if (this.#after !== undefined && key <= this.#after) return;
    if (this.#bound !== undefined && key > this.#bound) return;
    this.#kept.push(key);
    // One more than the page shows whether another one follows.
    if (this.#kept.length >= COLLECTED_PAGES * (this.#limit + 1)) this.#cut();
  }

  /** @returns the page, in order, and whether another one follows */
  finish(): { readonly keys: readonly string[]; readonly hasMore: boolean } {
    this.#cut();
    return { keys: this.#kept.slice(0, this.#limit), hasMore: this.#kept.length > this.#limit };
  }

  #cut(): void {
    this.#kept.sort(compareKeys);
    if (this.#kept.length <= this.#limit) return;
    this.#kept.length = this.#limit + 1;
    this.#bound = this.#kept[this.#limit];
  }
}

/** As `<` does, unlike a locale. */
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
