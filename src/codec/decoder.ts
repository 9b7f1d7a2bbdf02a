import { SHORT_ACKNOWLEDGEMENT_BYTES, decodeAcknowledgement, readShortAcknowledgement } from "./acknowledgement.ts";
import { decodeAuth } from "./auth.ts";
import { ChunkQueue } from "./chunk-queue.ts";
import { decodeConnack } from "./connack.ts";
import { answerVersion, decodeConnect } from "./connect.ts";
import { decodeDisconnect } from "./disconnect.ts";
import { CodecError, malformed } from "./error.ts";
import { PacketType } from "./packets.ts";
import type { Connect, Packet, ProtocolVersion, Publish } from "./packets.ts";
import type { PlainFrames } from "./plain-frames.ts";
import { decodePublish } from "./publish.ts";
import { PropertiesCache } from "./properties-cache.ts";
import { notMinimal, Reader } from "./reader.ts";
import { ReasonCode } from "./reason-codes.ts";
import type { ReceivedPublish } from "./received-publish.ts";
import { decodeSuback } from "./suback.ts";
import { decodeSubscribe } from "./subscribe.ts";
import { TopicNames } from "./topic-names.ts";
import { decodeUnsuback } from "./unsuback.ts";
import { decodeUnsubscribe } from "./unsubscribe.ts";
import { MAXIMUM_VARIABLE_BYTE_INTEGER, variableByteIntegerLength } from "./variable-byte-integer.ts";

/** Largest packet that the protocol has, in bytes: the Remaining Length and a fixed header of five. */
export const MAXIMUM_PACKET_SIZE = MAXIMUM_VARIABLE_BYTE_INTEGER + 5;

export interface DecoderOptions {
  /** Bytes, the fixed header included. A larger packet is refused with 0x95 when its header is there. */
  maximumPacketSize?: number | undefined;
  /** The version that was agreed. Left out, the first CONNECT tells it. */
  protocolVersion?: ProtocolVersion | undefined;
  /** Where to note the bytes of each PUBLISH. */
  receivedPublish?: ReceivedPublish | undefined;
  /** One may serve many decoders. Left out, the decoder remembers the last name. */
  topicNames?: TopicNames | undefined;
}

/**
 * Turns the bytes of one network connection, in chunks as they come, into packets.
 *
 * `push` what was received, then call `next` until it returns undefined. The caller may stop in
 * between and go on later; what was pushed stays. Views into pushed chunks become part of packets:
 * a chunk must not be written to afterwards.
 */
export class Decoder {
  /**
   * The version that packets are read in, and that the peer expects answers in. Until the first
   * CONNECT it is 4; where a CONNECT is refused it is the nearest that its sender will understand.
   */
  protocolVersion: ProtocolVersion;
  /** Bytes; holds from the next packet on. */
  maximumPacketSize: number;

  private readonly received = new ChunkQueue();
  private topicNames: TopicNames | undefined;
  /** Comes with the first PUBLISH. */
  private properties: PropertiesCache | undefined = undefined;
  private readonly receivedPublish: ReceivedPublish | undefined;
  private versionKnown: boolean;
  private failure: CodecError | undefined = undefined;
  /** Length of the fixed header at the front of `received`, 0 if it is not complete yet; of split packets only. */
  private headerLength = 0;
  private packetLength = 0;

  constructor(options: DecoderOptions = {}) {
    this.maximumPacketSize = options.maximumPacketSize ?? MAXIMUM_PACKET_SIZE;
    this.protocolVersion = options.protocolVersion ?? 4;
    this.versionKnown = options.protocolVersion !== undefined;
    this.receivedPublish = options.receivedPublish;
    this.topicNames = options.topicNames;
  }

  /** Takes received bytes; does not copy chunks of 1 KiB and more. Ignored after a failure. */
  push(chunk: Buffer): void {
    if (this.failure === undefined) this.received.push(chunk);
  }

  /**
   * The next packet; undefined until more bytes come.
   * @throws CodecError where the peer broke the protocol, and the same one ever after
   */
  next(): Packet | undefined {
    if (this.failure !== undefined) throw this.failure;
    try {
      return this.decodeNext();
    } catch (error) {
      if (error instanceof CodecError) {
        this.failure = error;
        this.received.clear();
      }
      throw error;
    }
  }

  /**
   * The next packet if it is PUBACK, PUBREC, PUBREL or PUBCOMP without reason code and properties: `next` without an object.
   * @returns its type << 16 | its packet identifier; 0 where another packet is next, or none is there yet
   */
  nextShortAcknowledgement(): number {
    const { received } = this;
    const acknowledgement = readShortAcknowledgement(received.chunk, received.position);
    if (acknowledgement !== 0) received.moveTo(received.position + SHORT_ACKNOWLEDGEMENT_BYTES);
    return acknowledgement;
  }

  /**
   * Finds the frames that are next, in one chunk, if they are PUBLISH of a topic name that came before and have no properties.
   * `skipTo` goes past them.
   * @returns false if there are none
   */
  findPlainFrames(frames: PlainFrames): boolean {
    const { received, protocolVersion, maximumPacketSize, topicNames } = this;
    const { chunk, position } = received;
    if (topicNames === undefined || position === chunk.length) return false;
    return frames.find(chunk, received.view, position, protocolVersion, maximumPacketSize, topicNames);
  }

  /** Goes on behind frames that `findPlainFrames` found. */
  skipTo(end: number): void {
    this.received.moveTo(end);
  }

  /** The case that must be fast: header and packet lie in one chunk. */
  private decodeNext(): Packet | undefined {
    const { received } = this;
    const { chunk, position } = received;
    const lengthByte = chunk[position + 1];
    if (lengthByte === undefined) return this.decodeSplit();
    let remaining = lengthByte;
    let start = position + 2;
    if (lengthByte > 0x7f) {
      remaining &= 0x7f;
      let shift = 7;
      for (;;) {
        const byte = chunk[start];
        // Too long, or split within the length: the careful path tells.
        if (byte === undefined || shift > 21) return this.decodeSplit();
        start++;
        remaining |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
        shift += 7;
      }
    }
    const end = start + remaining;
    if (end > chunk.length) return this.decodeSplit();
    const first = chunk[position]!;
    this.checkHeader(first, start - position, remaining);
    if (first >> 4 === PacketType.PUBLISH) {
      const { memory, view } = received;
      received.moveTo(end);
      const packet = this.decodePublish(chunk, memory, view, start, end, first);
      this.note(packet, chunk, position, end);
      return packet;
    }
    received.moveTo(end);
    return this.decodeOther(chunk, first, start, end);
  }

  /** The fixed header or the packet goes on in another chunk, which may not have come yet. */
  private decodeSplit(): Packet | undefined {
    const { received } = this;
    if (this.headerLength === 0 && !this.readSplitHeader()) return undefined;
    if (received.length < this.packetLength) return undefined;
    const start = this.headerLength;
    const bytes = received.take(this.packetLength);
    this.headerLength = 0;
    const first = bytes[0]!;
    if (first >> 4 === PacketType.PUBLISH) {
      const { buffer, byteOffset, length } = bytes;
      const view = new DataView(buffer, byteOffset, length);
      const packet = this.decodePublish(bytes, buffer, view, start, length, first);
      this.note(packet, bytes, 0, length);
      return packet;
    }
    return this.decodeOther(bytes, first, start, bytes.length);
  }

  private decodePublish(
    bytes: Buffer,
    memory: ArrayBufferLike,
    view: DataView,
    start: number,
    end: number,
    first: number,
  ): Publish {
    const { protocolVersion } = this;
    const topicNames = (this.topicNames ??= new TopicNames(1));
    const properties = (this.properties ??= new PropertiesCache());
    return decodePublish(bytes, memory, view, start, end, first & 0x0f, protocolVersion, topicNames, properties);
  }

  private note(packet: Publish, bytes: Buffer, start: number, end: number): void {
    const { receivedPublish } = this;
    if (receivedPublish === undefined) return;
    receivedPublish.packet = packet;
    receivedPublish.version = this.protocolVersion;
    receivedPublish.bytes = bytes;
    receivedPublish.start = start;
    receivedPublish.end = end;
  }

  /** @returns false until the whole fixed header is there */
  private readSplitHeader(): boolean {
    const { received } = this;
    let remaining = 0;
    for (let index = 1; index <= 4; index++) {
      const byte = received.peek(index);
      if (byte === undefined) return false;
      remaining |= (byte & 0x7f) << (7 * (index - 1));
      if (byte > 0x7f) continue;
      this.checkHeader(received.peek(0)!, index + 1, remaining);
      this.headerLength = index + 1;
      this.packetLength = this.headerLength + remaining;
      return true;
    }
    throw malformed("The Remaining Length has more than four bytes"); // §2.1.4
  }

  private checkHeader(first: number, headerLength: number, remaining: number): void {
    const type = first >> 4;
    if (type !== PacketType.PUBLISH) this.checkFlags(type, first & 0x0f);
    if (headerLength + remaining > this.maximumPacketSize) {
      throw new CodecError(
        ReasonCode.PacketTooLarge, // §3.2.2.3.6
        `A packet of ${headerLength + remaining} bytes; ${this.maximumPacketSize} are allowed`,
      );
    }
    // [MQTT-1.5.5-1], a rule of 5.0 only: clients of 3.1.1 that pad the length are let in.
    if (headerLength > 2 && this.protocolVersion === 5 && headerLength > 1 + variableByteIntegerLength(remaining)) {
      throw notMinimal();
    }
  }

  /** [MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [MQTT-3.15.1-1] */
  private checkFlags(type: number, flags: number): void {
    if (type === 0) throw malformed("Packet type 0 is reserved"); // §2.1.2
    // MQTT 3.1 §2.1: DUP may be set in several packets, and unused flags have any value.
    if (this.protocolVersion === 3) return;
    const expected =
      type === PacketType.PUBREL || type === PacketType.SUBSCRIBE || type === PacketType.UNSUBSCRIBE ? 2 : 0;
    if (flags !== expected) throw malformed(`Packet type ${type} with flags ${flags}`);
  }

  /** `bytes[start, end)` is a packet other than PUBLISH after its fixed header. */
  private decodeOther(bytes: Buffer, first: number, start: number, end: number): Packet {
    const version = this.protocolVersion;
    const type = first >> 4;
    const reader = new Reader(bytes, start, end);
    switch (type) {
      case PacketType.CONNECT:
        return this.decodeConnect(reader);
      case PacketType.CONNACK:
        return decodeConnack(reader, version);
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBREL:
      case PacketType.PUBCOMP:
        return decodeAcknowledgement(type, reader, version);
      case PacketType.SUBSCRIBE:
        return decodeSubscribe(reader, version);
      case PacketType.SUBACK:
        return decodeSuback(reader, version);
      case PacketType.UNSUBSCRIBE:
        return decodeUnsubscribe(reader, version);
      case PacketType.UNSUBACK:
        return decodeUnsuback(reader, version);
      case PacketType.PINGREQ:
        reader.expectEnd(); // §3.12.2
        return { type };
      case PacketType.PINGRESP:
        reader.expectEnd(); // §3.13.2
        return { type };
      case PacketType.DISCONNECT:
        return decodeDisconnect(reader, version);
      default:
        return decodeAuth(reader, version);
    }
  }

  /** A second CONNECT is decoded, too, and changes no version: refusing it is the server's business [MQTT-3.1.0-2]. */
  private decodeConnect(reader: Reader): Connect {
    if (!this.versionKnown) {
      this.protocolVersion = answerVersion(reader.bytes, reader.position, reader.end);
      this.versionKnown = true;
    }
    return decodeConnect(reader);
  }
}
