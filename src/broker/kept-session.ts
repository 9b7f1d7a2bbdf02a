import type { InflightMessage } from "./inflight.ts";
import type { Keeper } from "./keeper.ts";
import type { Message } from "./message.ts";
import type { JournalRecord, RecordId } from "./ports.ts";
import type { Session } from "./session.ts";
import type { QueuedMessage } from "./session-queue.ts";
import type { Subscription } from "./subscription-tree.ts";

/** What a queued message and one in flight have in common. */
interface Delivery {
  readonly message: Message;
  /** 0 while it is not kept. */
  recordId: RecordId;
}

/**
 * A session in the journal: one that outlives its connection. The session and its parts change first, then the methods
 * here write that down.
 */
export class KeptSession {
  readonly #keeper: Keeper;
  readonly #session: Session;
  readonly #id: RecordId;
  /** Of `session.receivedQos2`, by packet identifier. */
  readonly #received = new Map<number, RecordId>();

  /** @param id of its record, where it was read from the journal */
  constructor(keeper: Keeper, session: Session, id?: RecordId) {
    this.#keeper = keeper;
    this.#session = session;
    this.#id = id ?? keeper.add(headerOf(session));
  }

  /** Connected or away, expiry or will have changed. */
  update(): void {
    this.#keeper.replace(this.#id, headerOf(this.#session));
  }

  /** A new subscription, or one that has taken the place of another under its record. */
  putSubscription(subscription: Subscription): void {
    const { key, qos, noLocal, retainAsPublished, identifier, recordId } = subscription;
    const rest = { key, qos, noLocal, retainAsPublished, identifier };
    const record: JournalRecord = { type: "subscription", session: this.#id, ...rest };
    if (recordId === 0) subscription.recordId = this.#keeper.add(record);
    else this.#keeper.replace(recordId, record);
  }

  removeSubscription(subscription: Subscription): void {
    this.#keeper.remove(subscription.recordId);
  }

  /** A message waits in the queue. At QoS 0 it does so for this connection only. */
  addQueued(queued: QueuedMessage): void {
    if (queued.qos === 0) return;
    const message = this.#keeper.refer(queued.message);
    queued.recordId = this.#keeper.add(this.#deliveryOf(queued, message, 0, false));
  }

  /** A message was sent; one that was queued before goes on under its record. */
  putInflight(entry: InflightMessage): void {
    if (entry.recordId === 0) {
      const message = this.#keeper.refer(entry.message);
      entry.recordId = this.#keeper.add(this.#deliveryOf(entry, message, entry.packetId, entry.released));
    } else {
      const message = this.#keeper.idOf(entry.message);
      this.#keeper.replace(entry.recordId, this.#deliveryOf(entry, message, entry.packetId, entry.released));
    }
  }

  /** PUBREC arrived. Under a new record, so that the order of the records is that of the PUBRECs. [MQTT-4.6.0-4] */
  release(entry: InflightMessage): void {
    const message = this.#keeper.idOf(entry.message);
    this.#keeper.remove(entry.recordId);
    entry.recordId = this.#keeper.add(this.#deliveryOf(entry, message, entry.packetId, true));
  }

  /** The message is complete, or is not delivered after all. */
  removeDelivery(delivery: Delivery): void {
    if (delivery.recordId === 0) return;
    this.#keeper.remove(delivery.recordId);
    delivery.recordId = 0;
    this.#keeper.release(delivery.message);
  }

  /** The session has taken over a message of QoS 2 under this packet identifier. */
  addReceived(packetId: number): void {
    if (this.#received.has(packetId)) return;
    this.#received.set(packetId, this.#keeper.add({ type: "received", session: this.#id, packetId }));
  }

  adoptReceived(packetId: number, id: RecordId): void {
    this.#received.set(packetId, id);
  }

  removeReceived(packetId: number): void {
    const id = this.#received.get(packetId);
    if (id === undefined) return;
    this.#received.delete(packetId);
    this.#keeper.remove(id);
  }

  /** Nothing of the session is kept any more. */
  remove(): void {
    const { subscriptions, inflight, queue } = this.#session;
    for (const subscription of subscriptions.values()) {
      this.removeSubscription(subscription);
      subscription.recordId = 0;
    }
    for (const entry of inflight) this.removeDelivery(entry);
    for (const queued of queue) this.removeDelivery(queued);
    for (const packetId of this.#received.keys()) this.removeReceived(packetId);
    this.#keeper.remove(this.#id);
  }

  #deliveryOf(
    { qos, retain, subscriptionIdentifiers }: QueuedMessage | InflightMessage,
    message: RecordId,
    packetId: number,
    released: boolean,
  ): JournalRecord {
    const session = this.#id;
    return { type: "delivery", session, message, qos, retain, subscriptionIdentifiers, packetId, released };
  }
}

function headerOf(session: Session): JournalRecord {
  const { clientId, expiryIntervalSeconds, connection, expiry, will, willDelay } = session;
  return {
    type: "session",
    clientId,
    expiryIntervalSeconds,
    endsAtMs: connection === undefined ? (expiry?.atMs ?? Infinity) : undefined,
    will,
    willDueAtMs: willDelay === undefined || willDelay.index === -1 ? undefined : willDelay.atMs,
  };
}
