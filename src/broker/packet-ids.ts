/** Identifiers on one page: a client that uses many of them in turn comes to have 16 pages, 8 KiB. */
const PAGE_BITS = 12;
const PAGE_WORDS = 2 ** (PAGE_BITS - 5);
const PAGE_MASK = 2 ** PAGE_BITS - 1;

/** Of sets that have never held any. Nothing is put there. */
const NONE: never[] = [];

/** A set of packet identifiers, as bits. Costs no memory until there is one, and no allocation for each. */
export class PacketIds {
  #pages: (Int32Array | undefined)[] = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(packetId: number): boolean {
    const page = this.#pages[packetId >> PAGE_BITS];
    return page !== undefined && (page[(packetId & PAGE_MASK) >> 5]! & (1 << (packetId & 31))) !== 0;
  }

  add(packetId: number): void {
    if (this.#pages === NONE) this.#pages = [];
    const page = (this.#pages[packetId >> PAGE_BITS] ??= new Int32Array(PAGE_WORDS));
    const word = (packetId & PAGE_MASK) >> 5;
    const bit = 1 << (packetId & 31);
    if ((page[word]! & bit) !== 0) return;
    page[word]! |= bit;
    this.#size++;
  }

  /** @returns true if it was there */
  delete(packetId: number): boolean {
    const page = this.#pages[packetId >> PAGE_BITS];
    if (page === undefined) return false;
    const word = (packetId & PAGE_MASK) >> 5;
    const bit = 1 << (packetId & 31);
    if ((page[word]! & bit) === 0) return false;
    page[word]! &= ~bit;
    this.#size--;
    return true;
  }

  clear(): void {
    this.#pages = NONE;
    this.#size = 0;
  }

  /** In ascending order. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (const [number, page] of this.#pages.entries()) {
      if (page === undefined) continue;
      for (let low = 0; low <= PAGE_MASK; low++) {
        const packetId = (number << PAGE_BITS) | low;
        if (this.has(packetId)) yield packetId;
      }
    }
  }
}
