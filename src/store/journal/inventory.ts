/** What lives in a journal, and where: which segments there are and how much of each is needed. */
import type { RecordId } from "../../broker/ports.ts";
import { SEGMENT_HEADER_BYTES } from "./format.ts";
import { RecordIndex } from "./record-index.ts";

export interface BrokerEntry {
  readonly id: string;
  /** That live. */
  records: number;
  /** Its records are gone, and no more come. */
  isRemoved: boolean;
}

export class Segment {
  readonly number: number;
  readonly salt: number;
  readonly firstSequence: number;
  /** Length of the file, as it is or will be when what is on its way has arrived. */
  bytes: number;
  /** Bytes of records that live, by broker. */
  readonly live = new Map<BrokerEntry, Live>();

  constructor(number: number, salt: number, firstSequence: number, bytes = SEGMENT_HEADER_BYTES) {
    this.number = number;
    this.salt = salt;
    this.firstSequence = firstSequence;
    this.bytes = bytes;
  }

  get liveBytes(): number {
    let total = 0;
    for (const { bytes } of this.live.values()) total += bytes;
    return total;
  }
}

export interface Place {
  /** Number of the segment. */
  readonly segment: number;
  readonly offset: number;
}

/** Bytes of records that live. */
export interface Live {
  bytes: number;
}

export class Inventory {
  /** By growing number; the last one is written to. */
  readonly segments: Segment[] = [];
  readonly #byNumber = new Map<number, Segment>();
  readonly #brokers = new Map<string, BrokerEntry>();
  /** Also has the records of removed brokers, until `forget`. */
  readonly #index = new RecordIndex();
  /** Removed broker → the id from which on records of a later broker of this name would be. */
  readonly #removedBelow = new Map<string, RecordId>();
  #diskBytes = 0;
  #liveBytes = 0;
  #records = 0;
  /** Greater than every id that was ever given. */
  nextId = 1;

  /** Length of all segments. */
  get diskBytes(): number {
    return this.#diskBytes;
  }

  /** Of these, what records take that live. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  get records(): number {
    return this.#records;
  }

  get active(): Segment {
    return this.segments.at(-1)!;
  }

  get brokers(): Iterable<BrokerEntry> {
    return this.#brokers.values();
  }

  broker(id: string): BrokerEntry {
    let broker = this.#brokers.get(id);
    if (broker === undefined) this.#brokers.set(id, (broker = { id, records: 0, isRemoved: false }));
    return broker;
  }

  addSegment(segment: Segment): void {
    this.segments.push(segment);
    this.#byNumber.set(segment.number, segment);
    this.#diskBytes += segment.bytes;
  }

  grow(segment: Segment, bytes: number): void {
    segment.bytes += bytes;
    this.#diskBytes += bytes;
  }

  /** Forgets the oldest segment. */
  dropOldest(): void {
    const segment = this.segments.shift()!;
    this.#byNumber.delete(segment.number);
    this.#diskBytes -= segment.bytes;
  }

  has(id: RecordId): boolean {
    return this.#index.find(id);
  }

  /** Where a record that lives is; valid until the next call. */
  placeOf(id: RecordId): Place | undefined {
    return this.#index.find(id) ? this.#index : undefined;
  }

  /** A record, new or in place of one that was elsewhere, is there now. */
  put(broker: BrokerEntry, id: RecordId, segment: Segment, offset: number, length: number): void {
    if (this.#index.find(id)) {
      this.#account(this.#byNumber.get(this.#index.segment)!, broker, -this.#index.length);
    } else {
      broker.records++;
      this.#records++;
      if (id >= this.nextId) this.nextId = id + 1;
    }
    this.#index.set(id, segment.number, offset, length);
    this.#account(segment, broker, length);
  }

  /** @returns false if it was not there */
  remove(broker: BrokerEntry, id: RecordId): boolean {
    if (!this.#index.find(id)) return false;
    this.#account(this.#byNumber.get(this.#index.segment)!, broker, -this.#index.length);
    this.#index.delete(id);
    broker.records--;
    this.#records--;
    return true;
  }

  removeBroker(broker: BrokerEntry): void {
    for (const segment of this.segments) {
      this.#liveBytes -= segment.live.get(broker)?.bytes ?? 0;
      segment.live.delete(broker);
    }
    this.#records -= broker.records;
    broker.records = 0;
    broker.isRemoved = true;
    this.#brokers.delete(broker.id);
    this.#removedBelow.set(broker.id, this.nextId);
  }

  /** True if the record lives and this is where it is. */
  livesAt(brokerId: string, id: RecordId, segment: Segment, offset: number): boolean {
    const index = this.#index;
    if (!index.find(id) || index.segment !== segment.number || index.offset !== offset) return false;
    return id >= (this.#removedBelow.get(brokerId) ?? 0);
  }

  /** Takes a record of a removed broker, which is there, out of the index. */
  forget(id: RecordId, segment: Segment, offset: number): void {
    const index = this.#index;
    if (index.find(id) && index.segment === segment.number && index.offset === offset) index.delete(id);
  }

  #account(segment: Segment, broker: BrokerEntry, bytes: number): void {
    const live = segment.live.get(broker);
    if (live === undefined) segment.live.set(broker, { bytes });
    else live.bytes += bytes;
    this.#liveBytes += bytes;
  }
}
