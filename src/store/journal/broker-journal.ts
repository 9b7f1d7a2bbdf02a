/** The journal of one broker, in the store of all. */
import type { Journal, JournalRecord, RecordId } from "../../broker/ports.ts";

/** The store, which tells brokers apart by their entries. */
interface Records<Broker> {
  readonly isFull: boolean;
  add(broker: Broker, record: JournalRecord): RecordId;
  replace(broker: Broker, id: RecordId, record: JournalRecord): void;
  remove(broker: Broker, id: RecordId): void;
}

export class BrokerJournal<Broker extends { readonly isRemoved: boolean }> implements Journal {
  readonly #store: Records<Broker>;
  readonly #broker: Broker;

  constructor(store: Records<Broker>, broker: Broker) {
    this.#store = store;
    this.#broker = broker;
  }

  get isFull(): boolean {
    return this.#store.isFull;
  }

  add(record: JournalRecord): RecordId {
    return this.#store.add(this.#broker, record);
  }

  replace(id: RecordId, record: JournalRecord): void {
    if (!this.#broker.isRemoved) this.#store.replace(this.#broker, id, record);
  }

  remove(id: RecordId): void {
    if (!this.#broker.isRemoved) this.#store.remove(this.#broker, id);
  }
}
