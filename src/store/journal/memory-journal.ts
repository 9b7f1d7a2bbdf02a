import type { Journal, JournalRecord, KeptRecords, Message, RecordId, WaitingMessage } from "../../broker/ports.ts";
import { BrokerJournal } from "./broker-journal.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { peekMessage, readRecord, recordTypes, writeRecord } from "./records.ts";
import type { CommitListener, JournalStatus, JournalStore } from "./store.ts";

/** A record as bytes, as the durable journal keeps them: what does not survive a disk does not survive here either. */
interface Kept {
  readonly type: number;
  readonly bytes: Buffer;
}

type KeptByBroker = Map<string, Map<RecordId, Kept>>;

interface MemoryBroker {
  readonly id: string;
  /** Of all its records, also those that are not kept yet. */
  readonly ids: Set<RecordId>;
  isRemoved: boolean;
}

export interface MemoryJournalOptions {
  /**
   * Called at the first change that is not kept yet, with a function that keeps all changes up to the time when it is called:
   * a disk that is as slow as the caller likes. Where it is not given, every change is kept at once.
   */
  schedule?(commit: () => void): void;
}

/** Bytes that a removal, or a change's header, is taken to need. */
const CHANGE_BYTES = 10;

/** A journal that ends with the process, and can be crashed. */
export class MemoryJournal implements JournalStore {
  readonly #options: MemoryJournalOptions;
  readonly #brokers = new Map<string, MemoryBroker>();
  readonly #listeners = new Set<CommitListener>();
  #kept: KeptByBroker = new Map();
  /** What is not kept yet, in order. */
  #pending: ((kept: KeptByBroker) => void)[] = [];
  #nextId = 1;
  #position = 0;
  #committed = 0;
  #isOver = false;

  /** Where it is set, there is no room. */
  isFull = false;

  constructor(options: MemoryJournalOptions = {}) {
    this.#options = options;
  }

  get position(): number {
    return this.#position;
  }

  get committed(): number {
    return this.#committed;
  }

  journal(brokerId: string): Journal {
    return new BrokerJournal(this, this.#broker(brokerId));
  }

  restore(brokerId: string): KeptRecords {
    const records = this.#brokers.has(brokerId) ? this.#kept.get(brokerId) : undefined;
    return new MemoryRecords([...(records ?? [])].sort(([a], [b]) => a - b));
  }

  retainBrokers(brokerIds: ReadonlySet<string>): void {
    for (const broker of this.#brokers.values()) {
      if (brokerIds.has(broker.id)) continue;
      broker.isRemoved = true;
      this.#brokers.delete(broker.id);
      this.#change(CHANGE_BYTES, (kept) => kept.delete(broker.id));
    }
  }

  watch(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): JournalStatus {
    let records = 0;
    for (const broker of this.#brokers.values()) records += broker.ids.size;
    return { isFull: this.isFull, records, bytes: 0 };
  }

  /** Keeps all changes so far. */
  commit(): void {
    if (this.#isOver) return;
    for (const change of this.#pending) change(this.#kept);
    this.#pending = [];
    this.#committed = this.#position;
    for (const listener of this.#listeners) listener(this.#committed);
  }

  close(): Promise<void> {
    this.commit();
    this.#isOver = true;
    return Promise.resolve();
  }

  /**
   * Ends it like a process that is killed.
   * @param lastWrite what was not told to be kept is lost where it is `torn`; where it is `whole`, it is on the disk all the same
   * @returns what the next process opens
   */
  crash(lastWrite: "torn" | "whole" = "torn", options = this.#options): MemoryJournal {
    if (lastWrite === "whole") for (const change of this.#pending) change(this.#kept);
    this.#isOver = true;
    const next = new MemoryJournal(options);
    next.#kept = this.#kept;
    next.#nextId = this.#nextId;
    for (const [brokerId, records] of next.#kept) for (const id of records.keys()) next.#broker(brokerId).ids.add(id);
    return next;
  }

  add(broker: MemoryBroker, record: JournalRecord): RecordId {
    const id = this.#nextId++;
    if (!broker.isRemoved) this.#put(broker, id, record);
    return id;
  }

  replace(broker: MemoryBroker, id: RecordId, record: JournalRecord): void {
    if (!broker.ids.has(id)) throw new Error(`there is no record ${id} to replace`);
    this.#put(broker, id, record);
  }

  remove(broker: MemoryBroker, id: RecordId): void {
    if (!broker.ids.delete(id)) throw new Error(`there is no record ${id} to remove`);
    this.#change(CHANGE_BYTES, (kept) => kept.get(broker.id)!.delete(id));
  }

  #put(broker: MemoryBroker, id: RecordId, record: JournalRecord): void {
    const writer = new ByteWriter(256);
    writeRecord(writer, record);
    const bytes = Buffer.from(writer.bytes.subarray(0, writer.end));
    broker.ids.add(id);
    this.#change(bytes.length + CHANGE_BYTES, (kept) => {
      let records = kept.get(broker.id);
      if (records === undefined) kept.set(broker.id, (records = new Map()));
      records.set(id, { type: recordTypes[record.type], bytes });
    });
  }

  #change(bytes: number, change: (kept: KeptByBroker) => void): void {
    if (this.#isOver) return;
    this.#position += bytes;
    this.#pending.push(change);
    if (this.#options.schedule === undefined) this.commit();
    else if (this.#pending.length === 1) this.#options.schedule(() => this.commit());
  }

  #broker(id: string): MemoryBroker {
    let broker = this.#brokers.get(id);
    if (broker === undefined) this.#brokers.set(id, (broker = { id, ids: new Set(), isRemoved: false }));
    return broker;
  }
}

/** Their places are their numbers. */
class MemoryRecords implements KeptRecords {
  readonly #records: readonly (readonly [RecordId, Kept])[];

  constructor(records: readonly (readonly [RecordId, Kept])[]) {
    this.#records = records;
  }

  *[Symbol.iterator](): Iterator<readonly [RecordId, JournalRecord]> {
    for (const [place, [id]] of this.#records.entries()) yield [id, this.#read(place)];
  }

  *withWaiting(): Iterable<readonly [RecordId, JournalRecord | WaitingMessage]> {
    for (const [place, [id, { type, bytes }]] of this.#records.entries()) {
      const waiting = type === recordTypes.message ? peekMessage(new ByteReader(bytes), place) : undefined;
      yield [id, waiting ?? this.#read(place)];
    }
  }

  readWaiting(place: number): Message {
    return (this.#read(place) as Extract<JournalRecord, { type: "message" }>).message;
  }

  #read(place: number): JournalRecord {
    const { type, bytes } = this.#records[place]![1];
    return readRecord(new ByteReader(bytes), type)!;
  }
}
