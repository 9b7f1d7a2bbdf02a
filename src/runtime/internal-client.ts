import { type Packet, PacketType, ReasonCode, type SubscriptionRequest, reasonCodeName } from "../codec/index.ts";
import type {
  Connection,
  InternalDelivery,
  InternalSubscriber,
  InternalSubscription,
  Message,
  Outbox,
} from "../broker/index.ts";
import type { HostedBroker } from "./hosted-broker.ts";
import type { Runtime } from "./runtime.ts";

/** Client ids of the server's own sessions begin with it; clients from the network may not have such a one. */
export const INTERNAL_PREFIX = "$worker/";

/** After somebody has ended the connection. */
const RECONNECT_MS = 1000;
/** Messages of QoS 0 that are not settled, before others are dropped. */
const UNSETTLED_QOS0_MAX = 10_000;
const NEVER_EXPIRES = 0xffffffff;

/**
 * A client within the server: a session that outlives the process like any other, without a network. What it receives is handed
 * over once it is kept; what is not acknowledged comes again after a restart.
 */
export class InternalClient implements Outbox, InternalSubscriber {
  /** What operators see. */
  readonly stream = { remote: "this process", transport: "internal" } as const;
  readonly isInternal = true;
  readonly #runtime: Runtime;
  readonly #hosted: HostedBroker;
  readonly #subscription: InternalSubscription;
  #connection: Connection | undefined;
  /** Counts connections: what came over an earlier one is acknowledged to nobody. */
  #generation = 0;
  #arrived: InternalDelivery[] = [];
  #unsettledQos0 = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(runtime: Runtime, hosted: HostedBroker, subscription: InternalSubscription) {
    this.#runtime = runtime;
    this.#hosted = hosted;
    this.#subscription = subscription;
  }

  /** Connects, and subscribes to what the session has not subscribed to yet. */
  open(): void {
    const { clientId, window } = this.#subscription;
    this.#runtime.turn((now) => {
      const { broker } = this.#hosted;
      this.#generation++;
      const connection = broker.connect(
        this,
        {
          type: PacketType.CONNECT,
          ...{ protocolVersion: 5, cleanStart: false, keepAlive: 0, clientId },
          properties: { sessionExpiryInterval: NEVER_EXPIRES, receiveMaximum: window },
        },
        now,
      );
      this.#connection = connection;
      const before = [...(connection.session?.subscriptions ?? [])];
      const gone = before.filter(([key]) => !this.#filters().includes(key)).map(([key]) => key);
      if (gone.length > 0) {
        broker.receive(connection, { type: PacketType.UNSUBSCRIBE, packetId: 1, topicFilters: gone }, now);
      }
      const known = new Map(before.map(([key, { qos }]) => [key, qos]));
      const subscriptions = this.#filters()
        .filter((key) => known.get(key) !== this.#subscription.qos)
        .map((key) => this.#request(key));
      if (subscriptions.length > 0) {
        broker.receive(connection, { type: PacketType.SUBSCRIBE, packetId: 1, subscriptions }, now);
      }
    });
  }

  settle(deliveries: readonly InternalDelivery[], reasonCode: number): void {
    this.#runtime.turn((now) => {
      const { broker } = this.#hosted;
      for (const { packetId, generation } of deliveries) {
        const connection = this.#connection;
        if (connection === undefined || generation !== this.#generation) continue;
        if (packetId > 0) broker.receive(connection, { type: PacketType.PUBACK, packetId, reasonCode }, now);
        else this.#settleQos0(connection, now);
      }
    });
  }

  disconnect(): void {
    this.release();
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#runtime.turn((now) => {
      this.#hosted.broker.receive(connection, { type: PacketType.DISCONNECT, reasonCode: ReasonCode.Success }, now);
    });
  }

  /** Does not connect again: the broker ends. */
  release(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  // ---- what the broker wants sent

  get congested(): boolean {
    return this.#unsettledQos0 >= UNSETTLED_QOS0_MAX;
  }

  send(packet: Packet): void {
    const codes =
      packet.type === PacketType.CONNACK
        ? [packet.reasonCode]
        : packet.type === PacketType.SUBACK
          ? packet.reasonCodes
          : [];
    const refused = codes.find((code) => code >= 0x80);
    if (refused !== undefined) this.#subscription.refused(reasonCodeName(refused));
  }

  acknowledge(): void {
    // It publishes nothing.
  }

  publish(message: Message, packetId: number): void {
    if (packetId === 0) this.#unsettledQos0++;
    const delivery = { message, packetId, generation: this.#generation };
    if (this.#arrived.push(delivery) === 1) queueMicrotask(() => void this.#handOver());
  }

  forward(): void {
    // Never asked: its subscriptions are shared ones, and frames are not forwarded where there are any.
  }

  pause(): void {
    // It publishes nothing.
  }

  resume(): void {
    // Likewise.
  }

  /** The broker has ended the connection: by an operator's wish, or as the limits have changed. */
  close(): void {
    this.#connection = undefined;
    this.#unsettledQos0 = 0;
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.open(), RECONNECT_MS);
    this.#timer.unref();
  }

  /** Not before what brought the messages is kept. */
  async #handOver(): Promise<void> {
    const arrived = this.#arrived;
    this.#arrived = [];
    await this.#runtime.kept();
    if (!this.#isClosed) this.#subscription.receive(arrived);
  }

  #settleQos0(connection: Connection, now: number): void {
    const wasCongested = this.congested;
    this.#unsettledQos0--;
    if (wasCongested) this.#hosted.broker.drained(connection, now);
  }

  #filters(): string[] {
    const { shareName, filters } = this.#subscription;
    return filters.map((filter) => `$share/${shareName}/${filter}`);
  }

  #request(topicFilter: string): SubscriptionRequest {
    const { qos } = this.#subscription;
    return { topicFilter, qos, noLocal: false, retainAsPublished: true, retainHandling: 2 };
  }
}
