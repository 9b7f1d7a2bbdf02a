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
import { isRecordType, readRecord, recordTypes, writeRecord } from "./records.ts";

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
  /** @param start where the entry begins in the reader's bytes: `readPut` reads it there */
  put(brokerId: string, id: RecordId, start: number, end: number): void;
  remove(brokerId: string, id: RecordId): void;
  removeBroker(brokerId: string): void;
}

/** An entry that this program cannot read, although its frame is as it was written. */
export class UnknownEntryError extends Error {
  override readonly name = "UnknownEntryError";
}

/**
 * The reader stands before the record of the entry that begins there, and ends with it.
 * @returns its type
 * @throws RangeError
 */
export function enterPut(from: ByteReader, start: number): number {
  from.at = start;
  from.end = from.bytes.length;
  const type = from.byte();
  from.integer();
  const lengthAt = from.at;
  from.skip(LENGTH_BYTES);
  const { at } = from;
  from.skip(from.bytes.readUInt32LE(lengthAt));
  from.end = from.at;
  from.at = at;
  return type;
}

/**
 * The record of the entry that begins there.
 * @throws {UnknownEntryError} or RangeError where it cannot be read
 */
export function readPut(from: ByteReader, start: number): JournalRecord {
  const type = enterPut(from, start);
  const record = readRecord(from, type);
  if (record === undefined) throw unknownType(type);
  if (from.at !== from.end) throw new UnknownEntryError(`an entry of type ${type} has another length than its record`);
  return record;
}

function unknownType(type: number): UnknownEntryError {
  return new UnknownEntryError(`an entry has the unknown type ${type}`);
}

/** Reads the entries of one frame, all at once or one at a time; of records it says only where they are. */
export class EntryReader {
  readonly #from: ByteReader;
  #brokerId: string | undefined;

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
    if (!isRecordType(type)) throw unknownType(type);

    const id = from.integer();
    const lengthAt = from.at;
    from.skip(LENGTH_BYTES);
    from.skip(from.bytes.readUInt32LE(lengthAt));
    visitor.put(brokerId, id, start, from.at);
  }
}
