import { CodecError, Decoder, type Packet, PacketType } from "../../src/codec/index.ts";
import type { Transport } from "./sequence.ts";
import type { Shadow } from "./shadow.ts";
import { Violation } from "./violation.ts";
import { FrameReader } from "./websocket.ts";

/** Packets that servers send. */
const FROM_SERVER: ReadonlySet<PacketType> = new Set([
  PacketType.CONNACK,
  PacketType.PUBLISH,
  PacketType.PUBACK,
  PacketType.PUBREC,
  PacketType.PUBREL,
  PacketType.PUBCOMP,
  PacketType.SUBACK,
  PacketType.UNSUBACK,
  PacketType.PINGRESP,
  PacketType.DISCONNECT,
  PacketType.AUTH,
]);

const HTTP_HEAD_MAX = 16_384;

/** Reads what the server sends to a hostile connection: whatever that one did, it must be well-formed. */
export class ServerOutput {
  /** The answer to WebSocket's request was 101, or none is needed. */
  isOpen: boolean;
  readonly #shadow: Shadow;
  readonly #frames: FrameReader | undefined;
  #head = Buffer.alloc(0);
  #decoder: Decoder | undefined;
  #count = 0;
  #isDone = false;

  constructor(transport: Transport, shadow: Shadow) {
    this.#shadow = shadow;
    this.isOpen = transport === "tcp";
    this.#frames = transport === "tcp" ? undefined : new FrameReader(false);
  }

  /** The server says goodbye to the WebSocket, and waits for us to say it too. */
  get isClosing(): boolean {
    return this.#frames?.isClosing === true;
  }

  /**
   * @returns the packets that are complete now
   * @throws Violation where they are none, or cannot be the server's
   */
  push(bytes: Buffer): Packet[] {
    if (this.#isDone) return [];
    if (this.#frames === undefined) return this.#decode(bytes);
    const rest = this.isOpen ? bytes : this.#readHead(bytes);
    if (rest === undefined) return [];
    const packets = this.#frames.push(rest).flatMap((payload) => this.#decode(payload));
    if (this.#frames.isBroken) throw new Violation("the server sent a broken WebSocket frame");
    return packets;
  }

  #readHead(bytes: Buffer): Buffer | undefined {
    this.#head = Buffer.concat([this.#head, bytes]);
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) {
      if (this.#head.length > HTTP_HEAD_MAX) throw new Violation("the server answered with an endless HTTP head");
      return undefined;
    }
    const head = this.#head.subarray(0, end).toString("latin1");
    if (!head.startsWith("HTTP/1.1 "))
      throw new Violation(`the server answered a request with ${JSON.stringify(head)}`);
    if (/^HTTP\/1\.1 5\d\d/.test(head))
      throw new Violation(`the server answered a request with an error of its own: ${head}`);
    if (head.startsWith("HTTP/1.1 101 ")) {
      this.isOpen = true;
      return this.#head.subarray(end + 4);
    }
    this.#isDone = true;
    return undefined;
  }

  #decode(bytes: Buffer): Packet[] {
    const { version, maximumPacketSize } = this.#shadow;
    this.#decoder ??= new Decoder({ protocolVersion: version, maximumPacketSize });
    this.#decoder.push(bytes);
    const packets: Packet[] = [];
    try {
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        this.#check(packet);
        packets.push(packet);
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw new Violation(
        `the server sent what is no packet of version ${version}: ${error.message}: ${bytes.toString("hex")}`,
      );
    }
    return packets;
  }

  #check(packet: Packet): void {
    if (!FROM_SERVER.has(packet.type)) throw new Violation(`the server sent a packet of type ${packet.type}`);
    const mayBeFirst = packet.type === PacketType.CONNACK || packet.type === PacketType.AUTH;
    if (this.#count++ === 0 && !mayBeFirst) {
      throw new Violation(`the server's first packet is of type ${packet.type}, not CONNACK`);
    }
  }
}
