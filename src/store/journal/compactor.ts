/**
 * Gives room back: what lives in the oldest segment is written again at the journal's end, a little at a time, and then the
 * segment goes. What was removed, and the notes of its removal, go with it: nothing older is left for them to concern.
 */
import type { RecordId } from "../../broker/ports.ts";
import { ByteReader } from "./bytes.ts";
import { EntryReader, type EntryVisitor } from "./entries.ts";
import { type JournalFile, type JournalFolder, readInto } from "./files.ts";
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES, frameAt, frameLength, segmentFileName } from "./format.ts";
import type { Inventory, Segment } from "./inventory.ts";

/** Bytes that are read at least at once, and written again at most in one turn of the event loop. */
const STEP_BYTES_MIN = 128 * 1024;
/** Entries that are looked at in one turn of the event loop: a millisecond or two. */
const STEP_ENTRIES_MAX = 2000;
/** Bytes that are read for each that was written: garbage goes faster than it comes. */
const READ_PER_WRITTEN = 4;
/** The disk has at most so many times what lives, and two segments. */
const GARBAGE_FACTOR = 2;
/** Likewise when the disk is full. */
const GARBAGE_FACTOR_FULL = 1.1;

export interface CompactorOptions {
  readonly folder: JournalFolder;
  readonly inventory: Inventory;
  readonly segmentBytes: number;
  /** Bytes that are free while the disk is full; undefined while it is not. */
  roomWhenFull(): number | undefined;
  /** Writes an entry again. */
  rewrite(brokerId: string, id: RecordId, entry: Buffer): void;
  log(line: string): void;
}

export class Compactor {
  readonly #options: CompactorOptions;
  #segment: Segment | undefined;
  #file: JournalFile | undefined;
  /** Where the window begins in the segment. */
  #windowAt = 0;
  #window: Buffer = Buffer.alloc(0);
  /** Where in the window the next frame begins. */
  #next = 0;
  #entries: EntryReader | undefined;
  /** Bytes since `read`. */
  #rewritten = 0;
  #isBroken = false;
  /** Everything counts as worth it. */
  #isThorough = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** True while there is something to do. */
  get isWanted(): boolean {
    return this.#segment !== undefined || this.#isWorthIt();
  }

  /** True where nothing of the oldest segment is needed any more, once what was written again is kept. */
  get isCleaned(): boolean {
    return this.#segment !== undefined && this.#entries === undefined && this.#offset >= this.#segment.bytes;
  }

  /** From now on until `isWanted` is false, works as long as there is any garbage in a segment but the last. */
  beThorough(): void {
    this.#isThorough = true;
  }

  /**
   * Reads a piece of the oldest segment, if it is time for that.
   * @param writtenBytes what was written since the last call
   */
  async read(writtenBytes: number): Promise<void> {
    this.#rewritten = 0;
    if (this.#isBroken || this.isCleaned || this.#entries !== undefined) return;
    try {
      if (this.#segment === undefined && !(await this.#begin())) return;
      if (this.#hasWholeFrame()) return;
      const remaining = this.#segment!.bytes - this.#offset;
      const wanted = frameLength(this.#window, this.#next) ?? 0;
      const length = Math.max(STEP_BYTES_MIN, READ_PER_WRITTEN * writtenBytes, wanted);
      const window = Buffer.allocUnsafeSlow(Math.min(length, remaining));
      this.#windowAt = this.#offset;
      this.#next = 0;
      this.#window = window;
      if ((await readInto(this.#file!, window, this.#windowAt)) < window.length) this.#reportDamage();
    } catch (error) {
      this.#giveUp((error as Error).message);
    }
  }

  /**
   * Writes again what lives of the piece that was read, some of it.
   * @returns false when it is enough until the next piece is read
   */
  rewrite(): boolean {
    const segment = this.#segment;
    if (segment === undefined || this.isCleaned) return false;
    const { inventory, rewrite } = this.#options;
    let rewritten = 0;
    const visitor: EntryVisitor = {
      put: (brokerId, id, start, end) => {
        const offset = this.#windowAt + start;
        if (inventory.livesAt(brokerId, id, segment, offset)) {
          rewrite(brokerId, id, this.#window.subarray(start, end));
          rewritten += end - start;
        } else {
          inventory.forget(id, segment, offset);
        }
      },
      remove: () => {},
      removeBroker: () => {},
    };
    for (let looked = 0; looked < STEP_ENTRIES_MAX; looked++) {
      if (rewritten >= STEP_BYTES_MIN) break;
      if (this.#entries === undefined && !this.#enterFrame(segment)) return false;
      const entries: EntryReader = this.#entries!;
      entries.next(visitor);
      if (entries.isAtEnd) this.#entries = undefined;
    }
    this.#rewritten += rewritten;
    return this.#rewritten < this.#window.length / 2;
  }

  /** Forgets the segment that is cleaned. */
  async finish(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#segment = undefined;
    this.#window = Buffer.alloc(0);
    this.#next = 0;
    this.#windowAt = 0;
  }

  async close(): Promise<void> {
    this.#isBroken = true;
    await this.finish();
  }

  /** Where in the segment the next frame begins. */
  get #offset(): number {
    return this.#windowAt + this.#next;
  }

  #isWorthIt(): boolean {
    const { inventory, segmentBytes } = this.#options;
    const { segments, diskBytes, liveBytes } = inventory;
    if (this.#isBroken || segments.length < 2) return false;
    const room = this.#options.roomWhenFull();
    if (room === undefined && !this.#isThorough) return diskBytes > GARBAGE_FACTOR * liveBytes + 2 * segmentBytes;
    if (diskBytes <= GARBAGE_FACTOR_FULL * liveBytes + segments.at(-1)!.bytes) return false;
    return room === undefined || 2 * segments[0]!.liveBytes <= room;
  }

  async #begin(): Promise<boolean> {
    if (!this.#isWorthIt()) return false;
    const segment = this.#options.inventory.segments[0]!;
    this.#file = await this.#options.folder.open(segmentFileName(segment.number));
    this.#segment = segment;
    this.#windowAt = SEGMENT_HEADER_BYTES;
    return true;
  }

  #hasWholeFrame(): boolean {
    const length = frameLength(this.#window, this.#next);
    return length !== undefined && this.#next + length <= this.#window.length;
  }

  /** @returns false where the next frame has to be read first, or there is none */
  #enterFrame(segment: Segment): boolean {
    if (!this.#hasWholeFrame()) {
      const isWhole = this.#window.length - this.#next >= segment.bytes - this.#offset;
      const isNoFrame =
        this.#window.length > this.#next + FRAME_HEADER_BYTES && frameLength(this.#window, this.#next) === undefined;
      if (this.#offset < segment.bytes && (isWhole || isNoFrame)) this.#reportDamage();
      return false;
    }
    const frame = frameAt(this.#window, this.#next, segment.salt);
    if (frame === undefined) {
      this.#reportDamage();
      return false;
    }
    this.#next = frame.end;
    if (frame.end > frame.start) this.#entries = new EntryReader(new ByteReader(this.#window, frame.start, frame.end));
    return this.#entries !== undefined || this.#enterFrame(segment);
  }

  #reportDamage(): void {
    this.#giveUp(`${segmentFileName(this.#segment!.number)} is damaged at byte ${this.#offset}`);
  }

  /** The segment stays as it is, and so does everything: the next start says what to do. */
  #giveUp(why: string): void {
    this.#options.log(`the journal is not made smaller any more: ${why}`);
    this.#isBroken = true;
    this.#segment = undefined;
  }
}
