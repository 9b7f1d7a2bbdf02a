import { once } from "node:events";
import { type Socket, connect } from "node:net";
import {
  Decoder,
  type Connect,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type Publish,
  encode,
} from "../../src/codec/index.ts";
import { dueAnswer } from "./reactor.ts";
import { Violation } from "./violation.ts";

/** A client that keeps to the standard, and is told everything that it should not live to see. */
export class HonestClient {
  onPublish: (packet: Publish) => void = () => {};
  onFailure: (violation: Violation) => void = () => {};
  readonly #name: string;
  readonly #version: ProtocolVersion;
  readonly #socket: Socket;
  readonly #decoder: Decoder;
  /** QoS 2 messages received and not released yet. */
  readonly #received = new Set<number>();
  readonly #waiting: { type: PacketType; packetId: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  /** Packet identifiers of our own messages that are not acknowledged yet. */
  readonly #inflight = new Set<number>();
  #lastPacketId = 0;
  #isClosing = false;

  private constructor(name: string, port: number, version: ProtocolVersion) {
    this.#name = name;
    this.#version = version;
    this.#decoder = new Decoder({ protocolVersion: version });
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.on("data", (bytes) => this.#receive(bytes));
    this.#socket.on("error", (error) => this.#fail(`its connection failed: ${error.message}`));
    this.#socket.on("close", () => this.#fail("its connection was closed"));
  }

  static async connect(port: number, version: ProtocolVersion, fields: Partial<Connect> = {}): Promise<HonestClient> {
    const clientId = fields.clientId ?? "";
    const client = new HonestClient(clientId, port, version);
    await once(client.#socket, "connect");
    const packet: Connect = {
      type: PacketType.CONNECT,
      protocolVersion: version,
      cleanStart: true,
      keepAlive: 0,
      clientId,
      ...fields,
    };
    await client.#request(packet, PacketType.CONNACK, 0);
    return client;
  }

  /** Messages that are not acknowledged yet. */
  get unacknowledged(): number {
    return this.#inflight.size;
  }

  async subscribe(topicFilter: string): Promise<void> {
    const packetId = this.#nextPacketId();
    const subscription = { topicFilter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    await this.#request(
      { type: PacketType.SUBSCRIBE, packetId, subscriptions: [subscription] },
      PacketType.SUBACK,
      packetId,
    );
  }

  publish(topic: string, payload: Buffer, qos: 0 | 1 | 2, retain = false): void {
    const packetId = qos === 0 ? 0 : this.#nextPacketId();
    if (qos > 0) this.#inflight.add(packetId);
    this.#send({ type: PacketType.PUBLISH, topic, payload, qos, retain, dup: false, packetId });
  }

  /** Waits until everything sent before has been handled. */
  async ping(): Promise<void> {
    await this.#request({ type: PacketType.PINGREQ }, PacketType.PINGRESP, 0);
  }

  close(): void {
    this.#isClosing = true;
    if (!this.#socket.destroyed)
      this.#socket.end(encode({ type: PacketType.DISCONNECT, reasonCode: 0 }, this.#version));
    this.#socket.destroySoon();
  }

  #request(packet: Packet, type: PacketType, packetId: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ type, packetId, resolve, reject });
      this.#send(packet);
    });
  }

  #receive(bytes: Buffer): void {
    this.#decoder.push(bytes);
    for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) this.#handle(packet);
  }

  #handle(packet: Packet): void {
    const id = "packetId" in packet ? packet.packetId : 0;
    if (packet.type === PacketType.DISCONNECT || (packet.type === PacketType.CONNACK && packet.reasonCode !== 0)) {
      this.#fail(`the server refused it with 0x${packet.reasonCode.toString(16)}`);
      return;
    }
    if (packet.type === PacketType.PUBLISH) {
      // [MQTT-4.3.3-10] one that comes twice before its PUBREL is one
      if (packet.qos < 2 || !this.#received.has(id)) this.onPublish(packet);
      if (packet.qos === 2) this.#received.add(id);
    } else if (packet.type === PacketType.PUBREL) this.#received.delete(id);
    else if (packet.type === PacketType.PUBACK || packet.type === PacketType.PUBCOMP) this.#inflight.delete(id);
    const due = dueAnswer(packet);
    if (due !== undefined) this.#send({ reasonCode: 0, ...due });
    const index = this.#waiting.findIndex((waiting) => waiting.type === packet.type && waiting.packetId === id);
    if (index >= 0) this.#waiting.splice(index, 1)[0]!.resolve();
  }

  #nextPacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % 0xffff) + 1;
    while (this.#inflight.has(this.#lastPacketId));
    return this.#lastPacketId;
  }

  #send(packet: Packet): void {
    this.#socket.write(encode(packet, this.#version));
  }

  #fail(what: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const violation = new Violation(`an honest client (${this.#name || "unnamed"}) is in trouble: ${what}`);
    for (const { reject } of this.#waiting.splice(0)) reject(violation);
    this.onFailure(violation);
  }
}
