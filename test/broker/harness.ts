/**
 * Drives the broker with packets and a virtual clock, without sockets: a TestBroker has clients, a client sends packets
 * and keeps what it received. Everything that leaves the broker passes the codec, as it does on the wire.
 */
import {
  Broker,
  type AuthenticationResult,
  type BrokerEvent,
  type Connection,
  type Journal,
  type Limits,
  type Message,
  type Outbox,
  type PendingPublish,
  publishPacket,
} from "../../src/broker/index.ts";
import {
  type Acknowledgement,
  type Connack,
  type Connect,
  Decoder,
  type Packet,
  PacketType,
  type PlainFrames,
  type Properties,
  type ProtocolVersion,
  type Publish,
  type QoS,
  type Subscribe,
  encode,
} from "../../src/codec/index.ts";
import { ANYONE } from "../setup/anyone.ts";

export interface TestBrokerOptions {
  limits?: Partial<Limits>;
  /** Answers at once; without it everyone may do everything. */
  authenticate?: (packet: Connect) => AuthenticationResult;
  /** Leaves the answer to `broker.authenticated`. */
  authenticateLater?: boolean;
  journal?: Journal;
}

export class TestBroker {
  readonly broker: Broker;
  readonly events: BrokerEvent[] = [];
  now = 1_700_000_000_000;
  #ids = 0;

  constructor(options: TestBrokerOptions = {}) {
    this.broker = new Broker({
      ...(options.limits && { limits: options.limits }),
      journal: options.journal,
      random: { clientId: () => `assigned-${++this.#ids}` },
      authenticator: {
        authenticate: (connection, packet) => {
          if (options.authenticateLater) return;
          if (packet.type !== PacketType.CONNECT) return;
          const result = options.authenticate?.(packet) ?? { ok: true, principal: ANYONE };
          this.broker.authenticated(connection, result, this.now);
        },
      },
    });
    this.broker.observer = (event) => this.events.push(event);
  }

  /** Lets time pass, stopping at every deadline on the way. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let next = this.broker.nextDeadline(); next <= end; next = this.broker.nextDeadline()) {
      this.now = next;
      this.broker.advance(next);
    }
    this.now = end;
    this.broker.advance(end);
  }

  /** A client that has sent nothing yet. */
  client(version: ProtocolVersion = 5): TestClient {
    return new TestClient(this, version);
  }

  /** A connected client; what CONNACK says is in `client.connack`. */
  connect(clientId: string, options: Partial<Connect> = {}): TestClient {
    const client = this.client(options.protocolVersion ?? 5);
    client.connect({ clientId, ...options });
    return client;
  }

  /** Hooks whose verdicts the test gives with `broker.hookCompleted`. */
  holdPublishes(): PendingPublish[] {
    const pending: PendingPublish[] = [];
    this.broker.hooks = { wants: () => true, submit: (publish) => pending.push(publish) };
    return pending;
  }
}

/** A client and its network connection; also the outbox that the broker writes to. */
export class TestClient implements Outbox {
  readonly version: ProtocolVersion;
  /** Everything received and not yet taken. */
  readonly received: Packet[] = [];
  isClosed = false;
  congested = false;
  connack: Connack | undefined;
  connection: Connection | undefined;
  readonly #test: TestBroker;
  readonly #decoder: Decoder;
  readonly #waiting: Packet[] = [];
  #isPaused = false;
  #packetId = 0;

  constructor(test: TestBroker, version: ProtocolVersion) {
    this.#test = test;
    this.version = version;
    this.#decoder = new Decoder({ protocolVersion: version });
  }

  connect(options: Partial<Connect> = {}): this {
    const packet: Connect = {
      type: PacketType.CONNECT,
      protocolVersion: this.version,
      cleanStart: true,
      keepAlive: 0,
      clientId: "",
      ...options,
    };
    this.connection = this.#test.broker.connect(this, packet, this.#test.now);
    if (this.received[0]?.type === PacketType.CONNACK) this.connack = this.received.shift() as Connack;
    this.#passOn();
    return this;
  }

  /** Sends packets, which wait while the broker does not read. */
  sends(...packets: Packet[]): this {
    this.#waiting.push(...packets);
    this.#passOn();
    return this;
  }

  publishes(topic: string, payload = "", options: Partial<Publish> = {}): this {
    const qos = options.qos ?? 0;
    return this.sends({
      type: PacketType.PUBLISH,
      topic,
      payload: Buffer.from(payload),
      qos,
      retain: false,
      dup: false,
      packetId: qos === 0 ? 0 : ++this.#packetId,
      ...options,
    });
  }

  subscribes(
    topicFilter: string,
    qos: QoS = 0,
    options: Partial<Subscribe["subscriptions"][number]> = {},
    properties?: Properties,
  ): this {
    return this.sends({
      type: PacketType.SUBSCRIBE,
      packetId: ++this.#packetId,
      subscriptions: [{ topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0, ...options }],
      ...(properties && { properties }),
    });
  }

  /** The network connection breaks. */
  loses(): this {
    this.isClosed = true;
    this.#test.broker.connectionLost(this.connection!, this.#test.now);
    return this;
  }

  disconnects(reasonCode = 0, properties?: Properties): this {
    return this.sends({ type: PacketType.DISCONNECT, reasonCode, ...(properties && { properties }) });
  }

  /** Takes what was received so far. */
  take(): Packet[] {
    return this.received.splice(0);
  }

  /** Takes what was received, of one type. */
  takeAll<T extends Packet["type"]>(type: T): Extract<Packet, { type: T }>[] {
    return this.take().filter((packet): packet is Extract<Packet, { type: T }> => packet.type === type);
  }

  /** Takes what was received, as `topic=payload` of each PUBLISH. */
  takeMessages(): string[] {
    return this.takeAll(PacketType.PUBLISH).map((packet) => `${packet.topic}=${packet.payload.toString()}`);
  }

  // ---- Outbox

  send(packet: Packet): void {
    if (this.isClosed) return;
    this.#decoder.push(encode(packet, this.version));
    this.received.push(this.#decoder.next()!);
  }

  acknowledge(type: Acknowledgement["type"], packetId: number): void {
    this.send({ type, packetId, reasonCode: 0 });
  }

  publish(
    message: Message,
    packetId: number,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    subscriptionIdentifiers: number[] | undefined,
    messageExpiryInterval: number | undefined,
    topicAlias: number,
  ): void {
    const expiry = messageExpiryInterval;
    this.send(publishPacket(message, packetId, qos, retain, dup, subscriptionIdentifiers, expiry, topicAlias));
  }

  forward({ bytes, start, packetIdsAt }: PlainFrames, end: number, packetIds: readonly number[]): void {
    const frames = Buffer.from(bytes.subarray(start, end));
    packetIds.forEach((packetId, index) => frames.writeUInt16BE(packetId, packetIdsAt[index]! - start));
    this.#decoder.push(frames);
    for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
      this.received.push(packet);
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.connection !== undefined) this.#passOn();
  }

  close(): void {
    this.isClosed = true;
  }

  #passOn(): void {
    while (!this.#isPaused && this.#waiting.length > 0) {
      this.#test.broker.receive(this.connection!, this.#waiting.shift()!, this.#test.now);
    }
  }
}
