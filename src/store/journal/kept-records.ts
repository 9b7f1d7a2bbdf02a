/** The records of one broker as the files have them: decoded one at a time, when the broker takes them over. */
import type { JournalRecord, RecordId } from "../../broker/ports.ts";
import type { ByteReader } from "./bytes.ts";
import { readPut } from "./entries.ts";
import type { Inventory } from "./inventory.ts";
import { unreadable } from "./scan.ts";

/** Segments as bytes: each stays in memory until all of its records have been taken over. */
export class SegmentReaders {
  readonly #readers = new Map<number, { readonly reader: ByteReader; waiting: number }>();

  add(segment: number, reader: ByteReader): void {
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

export class KeptRecords implements Iterable<readonly [RecordId, JournalRecord]> {
  /** Growing. */
  readonly #ids: Float64Array;
  readonly #segments: Uint32Array;
  readonly #offsets: Uint32Array;
  readonly #readers: SegmentReaders;
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

  #read(index: number): JournalRecord {
    const segment = this.#segments[index]!;
    const offset = this.#offsets[index]!;
    try {
      return readPut(this.#readers.take(segment), offset);
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
