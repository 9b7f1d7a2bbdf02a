/**
 * The entries of a frame's body:
 *
 *   broker         1, id as string    the broker whose entries follow
 *   remove         2, record id       the record is gone
 *   remove broker  3                  all records of the broker so far are gone
 *   put            type (16 …), record id, length of the rest (four bytes), the record
 *
 * A frame begins without a broker, so that an entry can be copied to another frame as it is.
 */
import type { JournalRecord, RecordId } from "../../broker/ports.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { readRecord, recordTypes, writeRecord } from "./records.ts";

const BROKER = 1;
const REMOVE = 2;
const REMOVE_BROKER = 3;

const LENGTH_BYTES = 4;

export function writeBroker(to: ByteWriter, brokerId: string): void {
  to.byte(BROKER);
  to.string(brokerId);
}

export function writeRemove(to: ByteWriter, id: RecordId): void {
  to.byte(REMOVE);
  to.integer(id);
}

export function writeRemoveBroker(to: ByteWriter): void {
  to.byte(REMOVE_BROKER);
}

export function writePut(to: ByteWriter, id: RecordId, record: JournalRecord): void {
  to.byte(recordTypes[record.type]);
  to.integer(id);
  to.reserve(LENGTH_BYTES);
  const lengthAt = to.end;
  to.end += LENGTH_BYTES;
  writeRecord(to, record);
  to.bytes.writeUInt32LE(to.end - lengthAt - LENGTH_BYTES, lengthAt);
}

/** What the entries of frames are told to, in their order. */
export interface EntryVisitor {
  /**
   * @param start where the entry begins in the reader's bytes
   * @param record reads it
   */
  put(brokerId: string, id: RecordId, start: number, end: number, record: () => JournalRecord): void;
  remove(brokerId: string, id: RecordId): void;
  removeBroker(brokerId: string): void;
}

/** An entry that this program cannot read, although its frame is as it was written. */
export class UnknownEntryError extends Error {
  override readonly name = "UnknownEntryError";
}

/** Reads the entries of one frame, all at once or one at a time. */
export class EntryReader {
  readonly #from: ByteReader;
  #brokerId: string | undefined;
  #recordType = 0;
  #recordEnd = 0;

  /** @param from stands at the beginning of a frame's body, and ends with it */
  constructor(from: ByteReader) {
    this.#from = from;
  }

  get at(): number {
    return this.#from.at;
  }

  get isAtEnd(): boolean {
    return this.#from.at >= this.#from.end;
  }

  /** @throws {UnknownEntryError} or RangeError where the entry cannot be read */
  next(visitor: EntryVisitor): void {
    const from = this.#from;
    const start = from.at;
    const type = from.byte();
    if (type === BROKER) {
      this.#brokerId = from.string();
      return;
    }
    const brokerId = this.#brokerId;
    if (brokerId === undefined) throw new UnknownEntryError(`an entry of type ${type} is of no broker`);
    if (type === REMOVE) return visitor.remove(brokerId, from.integer());
    if (type === REMOVE_BROKER) return visitor.removeBroker(brokerId);

    const id = from.integer();
    const length = from.bytes.readUInt32LE(from.at);
    from.skip(LENGTH_BYTES + length);
    const end = from.at;
    this.#recordType = type;
    this.#recordEnd = end;
    from.at = end - length;
    visitor.put(brokerId, id, start, end, this.#readRecord);
    from.at = end;
  }

  readonly #readRecord = (): JournalRecord => {
    const from = this.#from;
    const record = readRecord(from, this.#recordType);
    if (record === undefined) throw new UnknownEntryError(`an entry has the unknown type ${this.#recordType}`);
    if (from.at !== this.#recordEnd) {
      throw new UnknownEntryError(`an entry of type ${this.#recordType} has another length than its record`);
    }
    return record;
  };
}
