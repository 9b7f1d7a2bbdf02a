/**
 * One MQTT connection that keeps its word: every operation ends, with success only if the broker said so. It has no
 * session and does not come back by itself: whether to is decided by those who know what was refused.
 */
import type { Duplex } from "node:stream";
import { type Connack, type Disconnect, type Packet, PacketType, type Publish, Decoder } from "../../codec/index.ts";
import { type SessionOptions, KEEP_ALIVE_SECONDS, connectPacket } from "./connect-packet.ts";
import {
  connectionLost,
  connectionRefused,
  disconnectedByBroker,
  noConnack,
  notMqtt,
  publishRefused,
  topicAliasRefused,
} from "./errors.ts";
import { Operations } from "./operations.ts";
import { Outbox } from "./outbox.ts";
import { Pings } from "./pings.ts";
import type { MessageProperties } from "./properties.ts";
import { connackReason } from "./reasons.ts";
import { type OnMessage, Receiver } from "./receiver.ts";
import { openStream } from "./stream.ts";
import { type Target, addressOf } from "./target.ts";
import { type Done, Unacknowledged } from "./unacknowledged.ts";

export interface ConnectOptions {
  /** For every answer of the broker, the first included. */
  timeoutMs: number;
  signal: AbortSignal;
  onMessage?: OnMessage;
  /** What CONNECT says of the session; a new one that ends with the connection where nothing is said. */
  session?: SessionOptions;
  /** Ask for the topics on which answers may be received (MQTT 5.0 §3.1.2.11.6). */
  responseInformation?: boolean;
}

export interface PublishOptions {
  qos: 0 | 1 | 2;
  retain: boolean;
  properties: MessageProperties | undefined;
}

export interface SubscribeOptions {
  qos: 0 | 1 | 2;
  /** Not to be sent what is retained already. */
  noRetained: boolean;
  /** To be sent the RETAIN flag as it was published (MQTT 5.0 §3.8.3.1); not so where it is not given. */
  retainAsPublished?: boolean;
}

const GOODBYE_MS = 2_000;
const PACKET_ID_MAX = 0xff_ff;

/**
 * @throws {MqttConnectionError} where there is no connection, or the broker refuses it
 * @throws the signal's reason where it aborts
 */
export async function connectMqtt(target: Target, options: ConnectOptions): Promise<MqttConnection> {
  options.signal.throwIfAborted();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(noConnack(addressOf(target))), options.timeoutMs);
  try {
    const stream = await openStream(target, AbortSignal.any([options.signal, late.signal]));
    const connection = new MqttConnection(stream, target, options);
    const giveUp = () => connection.fail(late.signal.reason as Error);
    if (late.signal.aborted) giveUp();
    late.signal.addEventListener("abort", giveUp, { once: true });
    await connection.ready;
    return connection;
  } finally {
    clearTimeout(timer);
  }
}

export class MqttConnection {
  /** Resolves when the broker accepted the connection. */
  readonly ready: Promise<void>;
  /** Rejects when the connection ends; never resolves. */
  readonly lost: Promise<never>;
  readonly #stream: Duplex;
  readonly #outbox: Outbox;
  readonly #decoder: Decoder;
  readonly #target: Target;
  readonly #announceLoss: (error: Error) => void;
  readonly #operations: Operations;
  readonly #unacknowledged: Unacknowledged;
  readonly #subscribing = new Map<number, (reasonCodes: number[]) => void>();
  readonly #receiver: Receiver;
  readonly #pings: Pings;
  #welcome!: () => void;
  #lastPacketId = 0;
  #end: { error: Error } | undefined;
  #closing: Promise<void> | undefined;
  #connack: Connack | undefined;
  #disconnect: Disconnect | undefined;
  #cause: unknown;
  /** A message is being taken; what follows it waits. */
  #isBusy = false;

  constructor(stream: Duplex, target: Target, options: ConnectOptions) {
    const { timeoutMs, signal, onMessage, session = {}, responseInformation = false } = options;
    this.#stream = stream;
    this.#target = target;
    this.#operations = new Operations(timeoutMs);
    this.#unacknowledged = new Unacknowledged(timeoutMs);
    this.#outbox = new Outbox(stream, target.protocolVersion);
    this.#receiver = new Receiver(this.#outbox, onMessage);
    this.#pings = new Pings(this.#outbox);
    this.#decoder = new Decoder({ protocolVersion: target.protocolVersion });
    let announceLoss!: (error: Error) => void;
    this.lost = new Promise<never>((_, reject) => {
      announceLoss = reject;
    });
    this.#announceLoss = announceLoss;
    // Not everybody waits for it; operations under way learn of the end by themselves.
    this.lost.catch(() => {});
    this.ready = new Promise<void>((resolve, reject) => {
      this.#welcome = resolve;
      this.lost.catch(reject);
    });
    const abort = () => this.fail(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    stream.on("data", (bytes: Buffer) => {
      this.#decoder.push(bytes);
      this.#pump();
    });
    stream.on("error", (error) => {
      this.#cause ??= error;
    });
    stream.on("end", () => stream.end());
    stream.on("close", () => {
      signal.removeEventListener("abort", abort);
      this.#pings.stop();
      this.#finish(this.#explainEnd());
    });
    this.#outbox.send(connectPacket(target, session, responseInformation));
    if (signal.aborted) abort();
  }

  /** Whether the broker knew the session already. */
  get sessionPresent(): boolean {
    return this.#connack?.sessionPresent === true;
  }

  /** How many publishes may wait for their acknowledgement [MQTT-3.3.4-9]. */
  get receiveMaximum(): number {
    return this.#connack?.properties?.receiveMaximum ?? PACKET_ID_MAX;
  }

  /** What topics of answers begin with (MQTT 5.0 §4.10.1), where the broker said so. */
  get responseInformation(): string | undefined {
    return this.#connack?.properties?.responseInformation;
  }

  /**
   * Publishes. At QoS 0 the message has left when this returns, for which `roundTrip` is the proof; a promise says that
   * the network does not keep up. Above, the promise resolves when the broker took the message.
   */
  publish(topic: string, payload: Buffer, options: PublishOptions): Promise<void> | undefined {
    if (options.qos === 0) return this.send(topic, payload, options, () => {});
    return new Promise<void>((resolve, reject) => {
      void this.send(topic, payload, options, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /**
   * The same for many messages.
   * @param done called when the broker took the message or will not; at QoS 0, where nobody answers, with an error only
   * @returns a promise where the network does not keep up, at QoS 0
   */
  send(topic: string, payload: Buffer, options: PublishOptions, done: Done): Promise<void> | undefined {
    const { qos, retain, properties } = options;
    const alias = properties?.topicAlias ?? 0;
    const aliasMaximum = alias === 0 ? 0 : (this.#connack?.properties?.topicAliasMaximum ?? 0);
    const objection = this.#end?.error ?? (alias > aliasMaximum ? topicAliasRefused(aliasMaximum) : undefined);
    if (objection !== undefined) {
      done(objection);
      return qos === 0 ? Promise.reject(objection) : undefined;
    }
    const packetId = qos === 0 ? 0 : this.#nextPacketId();
    const packet: Publish = { type: PacketType.PUBLISH, topic, payload, qos, retain, dup: false, packetId, properties };
    if (qos === 0) {
      this.#outbox.send(packet);
      return this.#outbox.isFull ? this.#drained() : undefined;
    }
    this.#unacknowledged.add(packetId, topic, done);
    this.#outbox.send(packet);
    return undefined;
  }

  /** Resolves when the broker has read everything sent so far. A refusal arrives before, and rejects. */
  async roundTrip(): Promise<void> {
    await this.#operations.run<void>("the broker did not confirm what was published", (resolve) =>
      this.#pings.send(resolve),
    );
  }

  /** @returns the SUBACK's reason codes, in the order of the filters */
  async subscribe(
    filters: readonly string[],
    { qos, noRetained, retainAsPublished = false }: SubscribeOptions,
  ): Promise<number[]> {
    return await this.#operations.run<number[]>("the broker did not answer the subscription", (resolve) => {
      const packetId = this.#nextPacketId();
      this.#subscribing.set(packetId, resolve);
      const retainHandling: 0 | 2 = noRetained ? 2 : 0;
      const subscriptions = filters.map((topicFilter) => ({
        ...{ topicFilter, qos, noLocal: false, retainAsPublished },
        retainHandling,
      }));
      this.#outbox.send({ type: PacketType.SUBSCRIBE, packetId, subscriptions });
    });
  }

  /** Says goodbye and waits until the connection has ended, for a moment. */
  async close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      const stream = this.#stream;
      if (stream.destroyed) {
        resolve();
        return;
      }
      const timer = setTimeout(() => stream.destroy(), GOODBYE_MS);
      stream.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      if (this.#connack?.reasonCode === 0 && !this.#disconnect) {
        this.#outbox.send({ type: PacketType.DISCONNECT, reasonCode: 0 });
        this.#outbox.flush();
      }
      // What still comes is of no interest, but the end of it is.
      stream.removeAllListeners("data");
      stream.resume();
      stream.end();
    });
    await this.#closing;
  }

  /** Ends the connection without a word, as when the network fails. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** Ends the connection with this error for everybody who waits for something. */
  fail(error: Error): void {
    this.#finish(error);
    void this.close();
  }

  async #drained(): Promise<void> {
    await this.#operations.run<void>("the broker does not take what is sent to it", (resolve) => {
      this.#stream.once("drain", resolve);
    });
  }

  #nextPacketId(): number {
    do {
      this.#lastPacketId = (this.#lastPacketId % PACKET_ID_MAX) + 1;
    } while (this.#unacknowledged.has(this.#lastPacketId) || this.#subscribing.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #startKeepAlive(): void {
    const seconds = this.#connack?.properties?.serverKeepAlive ?? KEEP_ALIVE_SECONDS;
    const onSilence = () => {
      this.#cause = new Error("it does not answer any more");
      this.#stream.destroy();
    };
    this.#pings.start(seconds, () => this.#isBusy, onSilence);
  }

  #finish(error: Error): void {
    if (this.#end) return;
    this.#end = { error };
    this.#pings.stop();
    this.#announceLoss(error);
    this.#operations.fail(error);
    this.#unacknowledged.fail(error);
  }

  /** Takes the packets that are there, as long as nobody has to be waited for. */
  #pump(): void {
    try {
      while (!this.#isBusy && !this.#end) {
        const packet = this.#nextPacket();
        if (packet === undefined) return;
        const taken = this.#take(packet);
        if (taken) void this.#waitFor(taken);
      }
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #nextPacket(): Packet | undefined {
    try {
      return this.#decoder.next();
    } catch (error) {
      throw notMqtt(addressOf(this.#target), error);
    }
  }

  async #waitFor(taken: Promise<void>): Promise<void> {
    this.#isBusy = true;
    this.#stream.pause();
    try {
      await taken;
    } catch (error) {
      this.fail(error as Error);
    }
    this.#isBusy = false;
    this.#stream.resume();
    this.#pump();
  }

  #take(packet: Packet): Promise<void> | undefined {
    switch (packet.type) {
      case PacketType.PUBLISH:
        return this.#receiver.publish(packet);
      case PacketType.PUBREL:
        return this.#receiver.release(packet.packetId);
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBCOMP:
        this.#takeAcknowledgement(packet);
        return undefined;
      case PacketType.SUBACK:
        this.#subscribing.get(packet.packetId)?.(packet.reasonCodes);
        this.#subscribing.delete(packet.packetId);
        return undefined;
      case PacketType.PINGRESP:
        this.#pings.answered();
        return undefined;
      case PacketType.CONNACK:
        this.#takeConnack(packet);
        return undefined;
      case PacketType.DISCONNECT:
        this.#disconnect = packet;
        this.fail(this.#explainEnd());
        return undefined;
      default:
        // Nothing else is for a client; a broker that sends it ends the connection itself, or goes on.
        return undefined;
    }
  }

  #takeConnack(connack: Connack): void {
    this.#connack = connack;
    if (connack.reasonCode === 0) {
      this.#startKeepAlive();
      this.#welcome();
    } else {
      this.fail(this.#explainEnd());
    }
  }

  #takeAcknowledgement(packet: Extract<Packet, { packetId: number; reasonCode: number }>): void {
    const { type, packetId, reasonCode, properties } = packet;
    if (type === PacketType.PUBREC && reasonCode < 0x80) {
      this.#outbox.send({ type: PacketType.PUBREL, packetId, reasonCode: 0 });
      return;
    }
    if (reasonCode < 0x80) this.#unacknowledged.settle(packetId);
    else this.#unacknowledged.settle(packetId, (topic) => publishRefused(topic, reasonCode, properties?.reasonString));
  }

  #explainEnd(): Error {
    const { protocolVersion } = this.#target;
    const connack = this.#connack;
    const code = protocolVersion === 5 ? (connack?.reasonCode ?? 0) : connackReason(connack?.reasonCode ?? 0);
    if (code !== 0) return connectionRefused(code, connack?.properties?.reasonString);
    const disconnect = this.#disconnect;
    if (disconnect) return disconnectedByBroker(disconnect.reasonCode, disconnect.properties?.reasonString);
    return connectionLost(addressOf(this.#target), protocolVersion, this.#cause, connack !== undefined);
  }
}
