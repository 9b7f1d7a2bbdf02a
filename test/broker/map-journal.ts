import type {
  Broker,
  Journal,
  JournalRecord,
  KeptRecords,
  RecordId,
  Subscription,
  WaitingMessage,
} from "../../src/broker/index.ts";

/** A journal whose records lie open. */
export class MapJournal implements Journal {
  isFull = false;
  readonly records: Map<RecordId, JournalRecord>;
  /** Changes so far. */
  changes = 0;
  #lastId: number;

  /** @param records to go on with; they are copied, as if they had been on a disk */
  constructor(records: Iterable<readonly [RecordId, JournalRecord]> = []) {
    this.records = new Map(structuredCopies(records));
    this.#lastId = Math.max(0, ...this.records.keys());
  }

  /** For a broker that starts. */
  get kept(): KeptRecords {
    const { records } = this;
    return {
      [Symbol.iterator]: () => records[Symbol.iterator](),
      *withWaiting() {
        for (const [id, record] of records) yield [id, waitingOf(id, record)];
      },
      readWaiting: (place) => (records.get(place) as Extract<JournalRecord, { type: "message" }>).message,
    };
  }

  add(record: JournalRecord): RecordId {
    this.changes++;
    this.records.set(++this.#lastId, record);
    return this.#lastId;
  }

  replace(id: RecordId, record: JournalRecord): void {
    if (!this.records.has(id)) throw new Error(`there is no record ${id} to replace`);
    this.changes++;
    this.records.set(id, record);
  }

  remove(id: RecordId): void {
    if (!this.records.delete(id)) throw new Error(`there is no record ${id} to remove`);
    this.changes++;
  }

  /** Those of one type, without their ids. */
  recordsOf<Type extends JournalRecord["type"]>(type: Type): Extract<JournalRecord, { type: Type }>[] {
    return [...this.records.values()].filter((record) => record.type === type) as Extract<
      JournalRecord,
      { type: Type }
    >[];
  }
}

function waitingOf(place: RecordId, record: JournalRecord): JournalRecord | WaitingMessage {
  if (record.type !== "message" || record.message.properties !== undefined) return record;
  const { id, topic, payload } = record.message;
  return { type: "waiting", place, id, length: topic.length + payload.length };
}

function* structuredCopies(
  records: Iterable<readonly [RecordId, JournalRecord]>,
): Iterable<readonly [RecordId, JournalRecord]> {
  for (const [id, record] of records) {
    if (record.type === "message") yield [id, { ...record, message: { ...record.message } }];
    else yield [id, { ...record }];
  }
}

/** All of a broker that outlives its process, in the form it would have after a crash at `now`. */
export function durableState(broker: Broker, now: number): unknown {
  const sessions = [...broker.sessions.values()]
    .filter(({ expiryIntervalSeconds }) => expiryIntervalSeconds > 0)
    .toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1))
    .map((session) => {
      const { clientId, expiryIntervalSeconds: expiry, will, connection, inflight, queue } = session;
      const endsAtMs = expiry === 0xffffffff ? Infinity : now + expiry * 1000;
      const isWaiting = connection === undefined;
      return {
        clientId,
        expiry,
        endsAtMs: String(isWaiting ? (session.expiry?.atMs ?? Infinity) : endsAtMs),
        will,
        willDueAtMs: will && String(isWaiting ? (session.willDelay?.atMs ?? Infinity) : now + will.delaySeconds * 1000),
        subscriptions: [...session.subscriptions.values()].map(subscriptionOf),
        released: [...inflight].filter((entry) => entry.released).map(deliveryOf),
        inflight: [...inflight].filter((entry) => !entry.released).map(deliveryOf),
        queue: [...queue].filter(({ qos }) => qos > 0).map(deliveryOf),
        received: [...session.receivedQos2].filter((id) => session.receivedQos2.pending(id) === undefined),
      };
    });
  const retained: unknown[] = [];
  for (const filter of ["#", "$own/#"]) broker.retained.forEachMatch(filter, (message) => retained.push(message));
  return { sessions, retained: retained.map((message) => JSON.stringify(message)).toSorted() };
}

function subscriptionOf(subscription: Subscription): unknown {
  const { key, qos, noLocal, retainAsPublished, identifier } = subscription;
  return { key, qos, noLocal, retainAsPublished, identifier };
}

/** What of a message under way must be the same. */
function deliveryOf(delivery: object): unknown {
  const { recordId: _, countsAgainstQuota: __, order: ___, ...rest } = delivery as Record<string, unknown>;
  return rest;
}
