/** The changes that the next commit keeps, as the frame that it writes. */
import type { JournalRecord, RecordId } from "../../broker/ports.ts";
import { ByteWriter } from "./bytes.ts";
import { writeBroker, writePut, writeRemove, writeRemoveBroker } from "./entries.ts";
import { FRAME_HEADER_BYTES } from "./format.ts";

const CAPACITY = 64 * 1024;
/** A buffer that has grown beyond it is given back. */
const CAPACITY_KEPT_MAX = 4 * 1024 * 1024;

export class Changes {
  #writer = new ByteWriter(CAPACITY);
  /** The writer of the frame that is being written, for the time after. */
  #spare: ByteWriter | undefined = new ByteWriter(CAPACITY);
  #brokerId: string | undefined;

  constructor() {
    this.clear();
  }

  /** Length of the frame so far, with room for its header. */
  get length(): number {
    return this.#writer.end;
  }

  get isEmpty(): boolean {
    return this.#writer.end === FRAME_HEADER_BYTES;
  }

  /**
   * @returns where in the frame the entry begins
   * @throws TypeError or RangeError where the record has what no record has; nothing is changed then
   */
  put(brokerId: string, id: RecordId, record: JournalRecord): number {
    const start = this.#enter(brokerId);
    try {
      writePut(this.#writer, id, record);
    } catch (error) {
      this.#writer.end = start;
      throw error;
    }
    return start;
  }

  /** An entry as it was in another frame. */
  copy(brokerId: string, entry: Buffer): number {
    const start = this.#enter(brokerId);
    this.#writer.raw(entry);
    return start;
  }

  remove(brokerId: string, id: RecordId): void {
    this.#enter(brokerId);
    writeRemove(this.#writer, id);
  }

  removeBroker(brokerId: string): void {
    this.#enter(brokerId);
    writeRemoveBroker(this.#writer);
  }

  /** The frame, whose header is not there yet. Valid until `recycle`; further changes are for the next one. */
  take(): Buffer {
    const taken = this.#writer;
    this.#writer = this.#spare ?? new ByteWriter(CAPACITY);
    this.#spare = taken;
    this.clear();
    return taken.bytes.subarray(0, taken.end);
  }

  /** The frame taken last is written. */
  recycle(): void {
    if (this.#spare !== undefined && this.#spare.bytes.length > CAPACITY_KEPT_MAX) this.#spare = undefined;
  }

  clear(): void {
    this.#writer.end = FRAME_HEADER_BYTES;
    this.#brokerId = undefined;
  }

  #enter(brokerId: string): number {
    if (brokerId !== this.#brokerId) {
      writeBroker(this.#writer, brokerId);
      this.#brokerId = brokerId;
    }
    return this.#writer.end;
  }
}
