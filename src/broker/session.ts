import type { QoS } from "../codec/index.ts";
import type { Connection } from "./connection.ts";
import type { Deadline } from "./deadlines.ts";
import { Inflight, type InflightMessage } from "./inflight.ts";
import type { Limits } from "./limits.ts";
import type { KeptSession } from "./kept-session.ts";
import { compactMessage, messageBytes } from "./message.ts";
import type { RecordId } from "./ports.ts";
import { PublishQueue } from "./publish-queue.ts";
import type { Queue } from "./queue.ts";
import { ReceivedQos2 } from "./received-qos2.ts";
import type { RestoredMessages } from "./restored-messages.ts";
import { type QueuedMessage, SessionQueue } from "./session-queue.ts";
import type { Subscription } from "./subscription-tree.ts";
import type { Will } from "./will.ts";

const NO_SUBSCRIPTIONS: ReadonlyMap<string, Subscription> = new Map();

/** The state of a client that outlives its network connections (MQTT 5.0 §4.1). */
export class Session {
  readonly clientId: string;
  /** undefined while the client is away. */
  connection: Connection | undefined;
  /** Seconds that the session outlives its connection; 0 ends it with the connection. [MQTT-3.1.2-23] */
  expiryIntervalSeconds = 0;
  /** Of the session. Set while the client is away. */
  expiry: Deadline<Session> | undefined;

  /** True for a session that ends with its connection: what is under way to the client is never sent again. */
  endsWithConnection = false;

  /** What the journal has of the session; undefined where it ends with its connection, or there is no journal. */
  kept: KeptSession | undefined;

  #subscriptions: Map<string, Subscription> | undefined;

  /** What was sent at QoS 1 and 2 and is not complete. */
  readonly inflight = new Inflight();
  /** Those of `inflight` that must be sent again on this connection, once the quota allows it; undefined if none is left. */
  resend: Queue<InflightMessage> | undefined;
  readonly queue = new SessionQueue();
  #queuedBytes = 0;
  #queuedQos0 = 0;

  readonly receivedQos2 = new ReceivedQos2();
  /** The client's messages that wait for a hook. */
  readonly publishing = new PublishQueue();

  /** Of a publisher within the server: told what PUBACK would say about the message that has this number. */
  onSettled: ((number: number, reasonCode: number, reason: string | undefined) => void) | undefined;
  /** The hooks are not asked about its messages. */
  skipsHooks = false;

  will: Will | undefined;
  willDelay: Deadline<Session> | undefined;

  readonly #inflightMax: number;

  /** @param inflightMax messages under way at the same time, over all connections */
  constructor(clientId: string, inflightMax: number) {
    this.clientId = clientId;
    this.#inflightMax = inflightMax;
  }

  /** By filter as in SUBSCRIBE. */
  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions ?? NO_SUBSCRIPTIONS;
  }

  /** In place of the one that has the same key. */
  addSubscription(subscription: Subscription): void {
    (this.#subscriptions ??= new Map()).set(subscription.key, subscription);
  }

  removeSubscription(key: string): void {
    this.#subscriptions?.delete(key);
  }

  forgetSubscriptions(): void {
    this.#subscriptions = undefined;
  }

  /** Of the messages in `queue`. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** QoS 1 and 2 messages that may be under way besides those that are. */
  get sendQuota(): number {
    if (this.connection === undefined) return 0;
    return Math.min(this.connection.sendQuota, this.#inflightMax - this.inflight.size);
  }

  /** True while one more QoS 1 or 2 message may be under way. */
  get mayBegin(): boolean {
    return this.sendQuota > 0;
  }

  /** True while a QoS 1 or 2 message could be sent at once. */
  get isReady(): boolean {
    return this.mayBegin && this.queue.length === 0 && this.resend === undefined && !this.connection!.outbox.congested;
  }

  /** True while messages of QoS 0 wait, which the next one must not overtake. [MQTT-4.6.0-6] */
  get hasQueuedQos0(): boolean {
    return this.#queuedQos0 > 0;
  }

  /** @returns false if a limit is reached, and the message was not queued. */
  enqueue(queued: QueuedMessage, limits: Limits): boolean {
    const bytes = messageBytes(queued.message);
    if (this.queue.length >= limits.queuedMessagesMax || this.#queuedBytes + bytes > limits.queuedBytesMax) {
      return false;
    }
    compactMessage(queued.message);
    this.requeue(queued);
    return true;
  }

  /** Queues what was within the limits, and compact, before. */
  requeue(queued: QueuedMessage): void {
    this.#queuedBytes += messageBytes(queued.message);
    if (queued.qos === 0) this.#queuedQos0++;
    this.queue.push(queued);
  }

  /** The same for one of QoS 1 or 2 that was read from the journal, and has no subscription identifiers. */
  requeueRestored(messages: RestoredMessages, index: number, qos: QoS, retain: boolean, recordId: RecordId): void {
    messages.refer(index);
    if (this.queue.pushRestored(messages, index, qos, retain, recordId)) {
      this.#queuedBytes += messages.bytesOf(index);
    } else {
      this.requeue({ message: messages.take(index), qos, retain, subscriptionIdentifiers: undefined, recordId });
    }
  }

  dequeue(): QueuedMessage | undefined {
    const queued = this.queue.shift();
    if (queued === undefined) return undefined;
    this.#queuedBytes -= messageBytes(queued.message);
    if (queued.qos === 0) this.#queuedQos0--;
    return queued;
  }
}
