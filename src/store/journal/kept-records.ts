/** The records of one broker as the files have them: decoded one at a time, when the broker takes them over. */
import type { JournalRecord, RecordId } from "../../broker/ports.ts";
import type { ByteReader } from "./bytes.ts";
import { readPut } from "./entries.ts";
import type { Inventory } from "./inventory.ts";
import { unreadable } from "./scan.ts";

/** Segments as bytes: they stay in memory until the records of all brokers have been taken over. */
export type SegmentReaders = ReadonlyMap<number, ByteReader>;

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
      count++;
    }
    this.count = count;
  }

  /**
   * By growing ids.
   * @throws {UserError} `journal-unreadable`
   */
  *[Symbol.iterator](): Iterator<readonly [RecordId, JournalRecord]> {
    for (let index = 0; index < this.count; index++) yield [this.#ids[index]!, this.#read(index)];
  }

  #read(index: number): JournalRecord {
    const segment = this.#segments[index]!;
    const offset = this.#offsets[index]!;
    try {
      return readPut(this.#readers.get(segment)!, offset);
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
