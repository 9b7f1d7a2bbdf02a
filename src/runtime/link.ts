import {
  type Connack,
  type Connect,
  CodecError,
  Decoder,
  MAXIMUM_PACKET_SIZE,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type QoS,
  ReasonCode,
  encodeInto,
  encodedLength,
} from "../codec/index.ts";
import {
  type Connection,
  Deadline,
  type Limits,
  type Message,
  type Outbox,
  connackCode,
  publishPacket,
  reasonString,
} from "../broker/index.ts";
import type { HostedBroker } from "./hosted-broker.ts";
import { packetIdOffset } from "./publish-frames.ts";
import type { Runtime, Stream } from "./runtime.ts";
import { COPIED_FRAME_BYTES_MAX } from "./slab.ts";

/** How long a peer may take to close a connection that we have closed. */
const LINGER_MS = 2_000;

const LOOP_COPIED_BYTES_MAX = 192;

/**
 * One network connection: bytes in, packets to its broker, packets out, bytes in few large writes. It is the outbox of
 * the broker's connection.
 */
export class Link implements Outbox {
  readonly stream: Stream;
  readonly #runtime: Runtime;
  readonly #decoder: Decoder;
  #version: ProtocolVersion = 4;
  /** Those of the server, until the broker is known. */
  #limits: Limits;
  #hosted: HostedBroker | undefined;
  #connection: Connection | undefined;

  /** Where this turn's writes are put together. */
  #slab: Buffer | undefined;
  #end = 0;
  #isDirty = false;
  #isPaused = false;
  #isClosed = false;
  /** CONNECT is due, or after `close` the end of the network connection. */
  readonly #patience: Deadline;

  constructor(runtime: Runtime, stream: Stream) {
    this.#runtime = runtime;
    this.stream = stream;
    this.#limits = runtime.limits;
    this.#decoder = new Decoder({ maximumPacketSize: this.#limits.packetBytesMax });
    this.#patience = new Deadline(() => stream.destroy());
    runtime.deadlines.set(this.#patience, runtime.now() + runtime.limits.connectTimeoutMs);
  }

  get congested(): boolean {
    return this.stream.unsentBytes + this.#end > this.#limits.unsentBytesMax;
  }

  // ---- what the network brings

  receive(chunk: Buffer, now: number): void {
    if (this.#isClosed) return;
    this.#decoder.push(chunk);
    this.handlePackets(now);
  }

  /** Passes on the packets that have arrived, until reading is paused. */
  handlePackets(now: number): void {
    try {
      while (!this.#isPaused && !this.#isClosed) {
        const packet = this.#decoder.next();
        if (packet === undefined) return;
        if (this.#connection !== undefined) this.#hosted!.broker.receive(this.#connection, packet, now);
        else this.#handleFirst(packet, now);
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#refuseMalformed(error, now);
    }
  }

  drained(now: number): void {
    if (this.#connection !== undefined) this.#hosted!.broker.drained(this.#connection, now);
  }

  lost(now: number): void {
    this.#isClosed = true;
    this.#releaseSlab();
    this.#runtime.deadlines.clear(this.#patience);
    if (this.#connection !== undefined) this.#hosted!.broker.connectionLost(this.#connection, now);
  }

  /** [MQTT-3.1.0-1] */
  #handleFirst(packet: Packet, now: number): void {
    if (packet.type !== PacketType.CONNECT) {
      this.close();
      return;
    }
    this.#version = packet.protocolVersion;
    if (this.#runtime.isCrowded(this.stream)) {
      this.#refuse(packet, ReasonCode.QuotaExceeded, "too many connections from this address");
      return;
    }
    const located = this.#runtime.locate(packet, this.stream);
    if ("reasonCode" in located) {
      this.#refuse(packet, located.reasonCode, located.reason);
      return;
    }
    this.#runtime.deadlines.clear(this.#patience);
    this.#hosted = located;
    this.#limits = located.broker.limits;
    this.#decoder.maximumPacketSize = this.#limits.packetBytesMax;
    this.#connection = located.broker.connect(this, packet, now);
  }

  #refuse(connect: Connect, reasonCode: ReasonCode, reason: string): void {
    this.#runtime.onRefused(connect, this.stream, reasonCode, reason);
    this.#sendConnack(reasonCode, reason, connect.properties?.maximumPacketSize);
    this.close();
  }

  #refuseMalformed(error: CodecError, now: number): void {
    if (this.#connection !== undefined) {
      this.#hosted!.broker.malformed(this.#connection, error.reasonCode, error.message, now);
      return;
    }
    this.#version = this.#decoder.protocolVersion;
    this.#sendConnack(error.reasonCode, error.message); // [MQTT-3.1.4-1]
    this.close();
  }

  /** @param bytesMax the client's Maximum Packet Size: the reason is left out if there is no room. [MQTT-3.2.2-19] */
  #sendConnack(code: ReasonCode, reason: string, bytesMax = MAXIMUM_PACKET_SIZE): void {
    const reasonCode = connackCode(this.#version, code);
    if (reasonCode === undefined) return;
    const connack: Connack = { type: PacketType.CONNACK, sessionPresent: false, reasonCode };
    const text = reasonString(reason);
    const explained = text === undefined ? connack : { ...connack, properties: { reasonString: text } };
    const fits = (packet: Connack) => encodedLength(packet, this.#version) <= bytesMax;
    if (fits(explained)) this.send(explained);
    else if (fits(connack)) this.send(connack);
  }

  // ---- what the broker wants sent

  send(packet: Packet): void {
    if (this.#isClosed) return;
    const length = encodedLength(packet, this.#version);
    if (length > COPIED_FRAME_BYTES_MAX) {
      const frame = Buffer.allocUnsafe(length);
      encodeInto(packet, this.#version, frame, 0);
      this.#writeLarge(frame);
      return;
    }
    const slab = this.#reserve(length);
    this.#end = encodeInto(packet, this.#version, slab, this.#end);
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
    if (this.#isClosed) return;
    const isV5 = this.#version === 5;
    const expiry = messageExpiryInterval;
    if (isV5 && (topicAlias !== 0 || subscriptionIdentifiers !== undefined)) {
      this.send(publishPacket(message, packetId, qos, retain, dup, subscriptionIdentifiers, expiry, topicAlias));
      return;
    }
    const { frames } = this.#runtime;
    const variant = (qos << 2) | (retain ? 2 : 0) | (dup ? 1 : 0);
    const written = frames.find(message, isV5, variant, expiry);
    if (written !== undefined) {
      this.#copyFrame(written.bytes, written.start, written.end, written.packetIdOffset, packetId);
      return;
    }
    const packet = publishPacket(message, packetId, qos, retain, dup, undefined, expiry);
    const length = encodedLength(packet, this.#version);
    if (length > COPIED_FRAME_BYTES_MAX) {
      const bytes = Buffer.allocUnsafe(length);
      encodeInto(packet, this.#version, bytes, 0);
      frames.remember(message, isV5, variant, expiry, bytes, 0, length);
      this.#copyFrame(bytes, 0, length, packetIdOffset(bytes, 0), packetId);
      return;
    }
    const slab = this.#reserve(length);
    const start = this.#end;
    this.#end = encodeInto(packet, this.#version, slab, start);
    frames.remember(message, isV5, variant, expiry, slab, start, this.#end);
  }

  /** Writes a frame that was encoded before, with a packet identifier of its own unless that is 0. */
  #copyFrame(bytes: Buffer, start: number, end: number, idOffset: number, packetId: number): void {
    const length = end - start;
    if (length > COPIED_FRAME_BYTES_MAX) {
      this.#writeSharedFrame(bytes, idOffset, packetId);
      return;
    }
    const slab = this.#reserve(length);
    const at = this.#end;
    // Short frames are copied faster byte by byte than by a call that makes a view.
    if (length <= LOOP_COPIED_BYTES_MAX) for (let i = 0; i < length; i++) slab[at + i] = bytes[start + i]!;
    else slab.set(bytes.subarray(start, end), at);
    this.#end = at + length;
    if (packetId !== 0) {
      slab[at + idOffset] = packetId >> 8;
      slab[at + idOffset + 1] = packetId & 0xff;
    }
  }

  /** A large frame is shared by all subscribers; at QoS 1 and 2 its head, with the packet identifier, is not. */
  #writeSharedFrame(bytes: Buffer, idOffset: number, packetId: number): void {
    if (packetId === 0) {
      this.#writeLarge(bytes);
      return;
    }
    const head = Buffer.from(bytes.subarray(0, idOffset + 2));
    head.writeUInt16BE(packetId, idOffset);
    this.#writeLarge(head);
    this.#writeLarge(bytes.subarray(idOffset + 2));
  }

  pause(): void {
    this.#isPaused = true;
    this.stream.pause();
  }

  /** What was decoded meanwhile is handled at the end of the turn: the broker is in the middle of something. */
  resume(): void {
    this.#isPaused = false;
    if (this.#isClosed) return;
    this.stream.resume();
    this.#runtime.handleLater(this);
  }

  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    this.stream.resume();
    this.stream.end();
    this.#runtime.deadlines.set(this.#patience, this.#runtime.now() + LINGER_MS);
  }

  // ---- bytes out

  /** Writes what the turn has put together. */
  flush(): void {
    this.#isDirty = false;
    if (this.#slab === undefined || this.#end === 0) return;
    const slab = this.#slab;
    const bytes = slab.subarray(0, this.#end);
    this.#slab = undefined;
    this.#end = 0;
    if (this.stream.write(bytes)) this.#runtime.releaseSlab(slab);
  }

  /** The slab with room for `bytes` more at `#end`. */
  #reserve(bytes: number): Buffer {
    if (!this.#isDirty) {
      this.#isDirty = true;
      this.#runtime.flushLater(this);
    }
    const { slabs } = this.#runtime;
    const slab = this.#slab;
    if (slab === undefined) return (this.#slab = slabs.acquire(bytes));
    if (this.#end + bytes <= slab.length) return slab;
    if (slabs.isLargest(slab)) {
      this.flush();
      this.#isDirty = true;
      return (this.#slab = slabs.acquireLargest());
    }
    const larger = slabs.acquireLargest();
    slab.copy(larger, 0, 0, this.#end);
    this.#runtime.releaseSlab(slab);
    return (this.#slab = larger);
  }

  #writeLarge(bytes: Buffer): void {
    const wasDirty = this.#isDirty;
    this.flush();
    this.#isDirty = wasDirty;
    this.stream.write(bytes);
  }

  #releaseSlab(): void {
    if (this.#slab !== undefined) this.#runtime.releaseSlab(this.#slab);
    this.#slab = undefined;
    this.#end = 0;
  }
}
