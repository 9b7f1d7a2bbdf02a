/**
 * Messages that are read one day, as bytes: copied from the segments in pieces with what stands between them, so that few of them do not
 * keep much in memory, and many are not copied one by one.
 */
const PAGE_BYTES_MAX = 32 * 1024;
/** What may stand between two messages of a page, such as the entries of their deliveries. */
const GAP_BYTES_MAX = 256;

interface Page {
  /** undefined until it is complete, and when all of its messages were taken. */
  bytes: Buffer | undefined;
  /** Messages that were not taken. */
  waiting: number;
}

export class MessagePages {
  readonly #pages: Page[] = [];
  /** Of the page that grows: in the segment's bytes. */
  #segment: Buffer | undefined;
  #start = 0;
  #end = 0;

  /** The page of the entry that was added last. */
  get page(): number {
    return this.#pages.length - 1;
  }

  /** @returns where in its page the entry is that is there in the segment's bytes */
  add(segment: Buffer, start: number, end: number): number {
    const isBehind = segment === this.#segment && start >= this.#end && start - this.#end <= GAP_BYTES_MAX;
    if (!isBehind || end - this.#start > PAGE_BYTES_MAX) {
      this.complete();
      this.#pages.push({ bytes: undefined, waiting: 0 });
      this.#segment = segment;
      this.#start = start;
    }
    this.#end = end;
    this.#pages.at(-1)!.waiting++;
    return start - this.#start;
  }

  /** The page that grew takes no more. */
  complete(): void {
    const page = this.#pages.at(-1);
    if (this.#segment === undefined || page === undefined) return;
    if (page.waiting > 0) {
      page.bytes = Buffer.allocUnsafeSlow(this.#end - this.#start);
      this.#segment.copy(page.bytes, 0, this.#start, this.#end);
    }
    this.#segment = undefined;
  }

  /** @returns the bytes with an entry, which is not asked for again, and where it is */
  take(page: number, offset: number): [bytes: Buffer, at: number] {
    const found = this.#pages[page]!;
    found.waiting--;
    const { bytes } = found;
    if (bytes === undefined) return [this.#segment!, this.#start + offset];
    if (found.waiting === 0) found.bytes = undefined;
    return [bytes, offset];
  }
}
