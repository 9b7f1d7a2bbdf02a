/**
 * One MQTT connection that keeps its word: every operation ends, with success only if the broker said so. MQTT.js
 * alone resolves a refused QoS 0 publish, and waits for ever for the answer to one of QoS 1 when the connection ends.
 */
import type { IConnackPacket, IDisconnectPacket, IPublishPacket, MqttClient, Packet } from "mqtt";
import {
  cannotConnect,
  connectionLost,
  connectionRefused,
  disconnectedByBroker,
  noAnswer,
  publishRefused,
} from "./mqtt-errors.ts";
import type { MessageProperties } from "./mqtt-properties.ts";
import { connackReason } from "./mqtt-reasons.ts";
import type { Target } from "./mqtt-target.ts";
import type { ReceivedMessage } from "./received-message.ts";

export interface ConnectOptions {
  /** For every answer of the broker, the first included. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Called for every message; the next one waits for the promise, and so does the acknowledgement. */
  onMessage?: (message: ReceivedMessage) => Promise<void> | void;
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
}

const KEEP_ALIVE_SECONDS = 30;
const GOODBYE_MS = 2_000;
/** Messages that may be on their way to us without an acknowledgement. */
const RECEIVE_MAXIMUM = 1_000;

/**
 * @throws {MqttConnectionError} where there is no connection, or the broker refuses it
 * @throws the signal's reason where it aborts
 */
export async function connectMqtt(target: Target, options: ConnectOptions): Promise<MqttConnection> {
  options.signal.throwIfAborted();
  const { connect } = await import("./mqtt-library.ts");
  const { url, protocolVersion, password } = target;
  const isWebSocket = url.protocol.startsWith("ws");
  // MQTT 3.1.1 has no password without a user name [MQTT-3.1.2-22], and MQTT.js keeps to that in all versions.
  const username = target.username ?? (password === undefined ? undefined : target.clientId);
  const client = connect({
    protocol: url.protocol.slice(0, -1) as "mqtt",
    hostname: isWebSocket ? url.hostname : url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port !== "" && { port: Number(url.port) }),
    ...target.tls,
    ...(isWebSocket && { path: `${url.pathname}${url.search}` }),
    clientId: target.clientId,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    protocolVersion,
    protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
    ...(protocolVersion === 5 && { properties: { receiveMaximum: RECEIVE_MAXIMUM } }),
    clean: true,
    keepalive: KEEP_ALIVE_SECONDS,
    connectTimeout: options.timeoutMs,
    // Whether to connect again is decided by those who know what was refused.
    reconnectPeriod: 0,
    resubscribe: false,
  });
  const connection = new MqttConnection(client, target, options);
  await connection.ready;
  return connection;
}

export class MqttConnection {
  /** Resolves when the broker accepted the connection. */
  readonly ready: Promise<void>;
  /** Rejects when the connection ends; never resolves. */
  readonly lost: Promise<never>;
  readonly #client: MqttClient;
  readonly #address: string;
  readonly #protocolVersion: number;
  readonly #timeoutMs: number;
  readonly #announceLoss: (error: Error) => void;
  /** What to call for each operation under way when the connection ends. */
  readonly #pending = new Set<(error: Error) => void>();
  #end: { error: Error } | undefined;
  #closing: Promise<void> | undefined;
  #connack: IConnackPacket | undefined;
  #disconnect: IDisconnectPacket | undefined;
  #cause: unknown;
  #pingsSent = 0;
  #pingsAnswered = 0;
  #awaitingPing: { ping: number; resolve: () => void }[] = [];

  constructor(client: MqttClient, target: Target, { timeoutMs, signal, onMessage }: ConnectOptions) {
    this.#client = client;
    this.#address = `${target.url.protocol}//${target.url.host}`;
    this.#protocolVersion = target.protocolVersion;
    this.#timeoutMs = timeoutMs;
    let announceLoss!: (error: Error) => void;
    this.lost = new Promise<never>((_, reject) => {
      announceLoss = reject;
    });
    this.#announceLoss = announceLoss;
    // Not everybody waits for it; operations under way learn of the end by themselves.
    this.lost.catch(() => {});
    const abort = () => {
      this.#fail(signal.reason as Error);
      void this.close();
    };
    signal.addEventListener("abort", abort, { once: true });
    client.on("packetsend", (packet) => this.#sent(packet));
    client.on("packetreceive", (packet) => this.#received(packet));
    client.on("error", (error) => {
      this.#cause ??= error;
      client.end(true);
    });
    // Errors without a code, such as a WebSocket's HTTP status, MQTT.js keeps to itself.
    client.stream.on("error", (error: Error) => {
      this.#cause ??= error;
    });
    client.on("close", () => {
      signal.removeEventListener("abort", abort);
      this.#fail(this.#explainEnd());
    });
    client.handleMessage = (packet, done) => void this.#deliver(packet, onMessage, done);
    this.ready = new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      this.lost.catch(reject);
    });
  }

  /** How many publishes may wait for their acknowledgement. MQTT.js does not keep to the broker's limit itself. */
  get receiveMaximum(): number {
    return this.#connack?.properties?.receiveMaximum ?? 65_535;
  }

  /** Resolves when the broker took the message: at QoS 0 when it has left, for which `roundTrip` is the proof. */
  async publish(topic: string, payload: Buffer, options: PublishOptions): Promise<void> {
    const { qos, retain, properties } = options;
    const publishOptions = { qos, retain, ...(properties && { properties: { ...properties } }) };
    await this.#operation<void>(`the broker did not answer the message on ${topic}`, (resolve, reject) => {
      this.#client.publish(topic, payload, publishOptions, (error, packet) => {
        if (!error) resolve();
        else reject(publishError(topic, error, packet));
      });
    });
  }

  /** Resolves when the broker has read everything sent so far. A refusal arrives before, and rejects. */
  async roundTrip(): Promise<void> {
    await this.#operation<void>("the broker did not confirm what was published", (resolve) => {
      this.#awaitingPing.push({ ping: this.#pingsSent + 1, resolve });
      this.#client.sendPing();
    });
  }

  /** @returns the SUBACK's reason codes, in the order of the filters */
  async subscribe(filters: readonly string[], { qos, noRetained }: SubscribeOptions): Promise<number[]> {
    return await this.#operation<number[]>("the broker did not answer the subscription", (resolve, reject) => {
      const options = { qos, nl: false, rap: false, rh: noRetained ? 2 : 0 };
      this.#client.subscribe([...filters], options, (error, _granted, packet) => {
        // MQTT.js makes an error of any refusal; the reason codes say more.
        if (packet) resolve(packet.granted.map(Number));
        else reject(error ?? new Error("SUBACK without reason codes"));
      });
    });
  }

  /** Says goodbye and waits until the connection has ended, for a moment. */
  async close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      // MQTT.js would wait for answers that nobody waits for any more.
      this.#client.outgoing = {};
      const timer = setTimeout(() => {
        this.#client.end(true);
        resolve();
      }, GOODBYE_MS);
      this.#client.end(!this.#client.connected, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    await this.#closing;
  }

  /** Settles with the answer, the end of the connection, or the time that an answer may take. */
  #operation<T>(
    complaint: string,
    start: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#end) {
        reject(this.#end.error);
        return;
      }
      const finish = () => {
        clearTimeout(timer);
        this.#pending.delete(fail);
      };
      const fail = (error: Error) => {
        finish();
        reject(error);
      };
      const timer = setTimeout(() => fail(noAnswer(complaint, this.#timeoutMs)), this.#timeoutMs);
      this.#pending.add(fail);
      start((value) => {
        finish();
        resolve(value);
      }, fail);
    });
  }

  #fail(error: Error): void {
    if (this.#end) return;
    this.#end = { error };
    this.#announceLoss(error);
    for (const fail of this.#pending) fail(error);
  }

  #sent(packet: Packet): void {
    if (packet.cmd === "pingreq") this.#pingsSent++;
  }

  #received(packet: Packet): void {
    if (packet.cmd === "connack") this.#connack = packet;
    if (packet.cmd === "disconnect") this.#disconnect = packet;
    if (packet.cmd !== "pingresp") return;
    // Answers come in order; those to the keep-alive's own pings count too.
    const answered = ++this.#pingsAnswered;
    const waiting = this.#awaitingPing;
    this.#awaitingPing = waiting.filter(({ ping }) => ping > answered);
    for (const { ping, resolve } of waiting) if (ping <= answered) resolve();
  }

  async #deliver(packet: IPublishPacket, onMessage: ConnectOptions["onMessage"], done: () => void): Promise<void> {
    const { topic, payload, qos, retain, dup, messageId, properties } = packet;
    try {
      await onMessage?.({
        topic,
        payload: typeof payload === "string" ? Buffer.from(payload) : payload,
        qos,
        retain,
        dup,
        messageId,
        properties,
        time: new Date(),
      });
      done();
    } catch (error) {
      this.#fail(error as Error);
      void this.close();
    }
  }

  #explainEnd(): Error {
    const properties = this.#connack?.properties;
    const code = connackReason(this.#connack?.reasonCode ?? this.#connack?.returnCode ?? 0);
    if (code !== 0) return connectionRefused(code, properties?.reasonString);
    if (this.#disconnect) {
      return disconnectedByBroker(this.#disconnect.reasonCode ?? 0, this.#disconnect.properties?.reasonString);
    }
    if (this.#connack) return connectionLost(this.#address, this.#protocolVersion, this.#cause);
    return cannotConnect(this.#address, this.#cause);
  }
}

function publishError(topic: string, error: Error, packet: Packet | undefined): Error {
  const { code } = error as { code?: unknown };
  if (typeof code !== "number") return error;
  const acknowledgement = packet as { properties?: { reasonString?: string } } | undefined;
  return publishRefused(topic, code, acknowledgement?.properties?.reasonString);
}
