/** The records of one broker as the files have them: decoded one at a time, when the broker takes them over. */
import type { JournalRecord, KeptRecords, Message, RecordId, WaitingMessage } from "../../broker/ports.ts";
import { ByteReader, RecentStrings } from "./bytes.ts";
import { enterPut, readPut } from "./entries.ts";
import { Inventory } from "./inventory.ts";
import { MessagePages } from "./message-pages.ts";
import { peekMessage, recordTypes } from "./records.ts";
import { unreadable } from "./scan.ts";

/** Segments as bytes: each stays in memory until all of its records have been taken over. */
export class SegmentReaders {
  readonly #readers = new Map<number, { readonly reader: ByteReader; waiting: number }>();

  /** Of all records that are read. */
  readonly strings = new RecentStrings();

  add(segment: number, bytes: Buffer): void {
    const reader = new ByteReader(bytes, 0, bytes.length, this.strings);
    this.#readers.set(segment, { reader, waiting: 0 });
  }

  /** One more record of the segment waits to be read. */
  expect(segment: number): void {
    this.#readers.get(segment)!.waiting++;
  }

  /** What reads the next of its records. */
  take(segment: number): ByteReader {
    const entry = this.#readers.get(segment)!;
    if (--entry.waiting === 0) this.#readers.delete(segment);
    return entry.reader;
  }

  /** To be called when all are expected. */
  dropUnused(): void {
    for (const [segment, { waiting }] of this.#readers) if (waiting === 0) this.#readers.delete(segment);
  }
}

export class FileRecords implements KeptRecords {
  /** Growing. */
  readonly #ids: Float64Array;
  /** Or the pages of messages that wait. */
  readonly #segments: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #readers: SegmentReaders;
  readonly #pages = new MessagePages();
  readonly count: number;

  /** @param ids of all records that were ever put; the inventory knows those that live, and where */
  constructor(ids: readonly RecordId[], inventory: Inventory, readers: SegmentReaders) {
    this.#ids = Float64Array.from(ids);
    // What was written again, replaced or moved by compaction, comes later in the files.
    if (!isGrowing(this.#ids)) this.#ids.sort();
    this.#segments = new Uint32Array(ids.length);
    this.#offsets = new Uint32Array(ids.length);
    this.#readers = readers;
    let count = 0;
    let last = 0;
    for (const id of this.#ids) {
      if (id === last) continue;
      last = id;
      const place = inventory.placeOf(id);
      if (place === undefined) continue;
      this.#ids[count] = id;
      this.#segments[count] = place.segment;
      this.#offsets[count] = place.offset;
      readers.expect(place.segment);
      count++;
    }
    this.count = count;
  }

  /**
   * By growing ids, once.
   * @throws {UserError} `journal-unreadable`
   */
  *[Symbol.iterator](): Iterator<readonly [RecordId, JournalRecord]> {
    for (let index = 0; index < this.count; index++) yield [this.#ids[index]!, this.#read(index)];
  }

  *withWaiting(): Iterable<readonly [RecordId, JournalRecord | WaitingMessage]> {
    for (let index = 0; index < this.count; index++) yield [this.#ids[index]!, this.#readOrWait(index)];
    this.#pages.complete();
  }

  readWaiting(place: number): Message {
    const [bytes, at] = this.#pages.take(this.#segments[place]!, this.#offsets[place]!);
    const record = readPut(new ByteReader(bytes, 0, bytes.length, this.#readers.strings), at);
    if (record.type !== "message") throw new Error("what waits is no message");
    return record.message;
  }

  #read(index: number): JournalRecord {
    const segment = this.#segments[index]!;
    const offset = this.#offsets[index]!;
    try {
      return readPut(this.#readers.take(segment), offset);
    } catch (error) {
      throw unreadable(segment, offset, error);
    }
  }

  #readOrWait(index: number): JournalRecord | WaitingMessage {
    const segment = this.#segments[index]!;
    const offset = this.#offsets[index]!;
    try {
      const reader = this.#readers.take(segment);
      if (enterPut(reader, offset) !== recordTypes.message) return readPut(reader, offset);
      const { end } = reader;
      const waiting = peekMessage(reader, index);
      if (waiting === undefined) return readPut(reader, offset);
      this.#offsets[index] = this.#pages.add(reader.bytes, offset, end);
      this.#segments[index] = this.#pages.page;
      return waiting;
    } catch (error) {
      throw unreadable(segment, offset, error);
    }
  }
}

function isGrowing(ids: Float64Array): boolean {
  let last = 0;
  for (const id of ids) {
    if (id <= last) return false;
    last = id;
  }
  return true;
}

/** Of a broker of which nothing is kept. */
export const noRecords = new FileRecords([], new Inventory(), new SegmentReaders());
