import {
  type Acknowledgement,
  type Connack,
  type Connect,
  CodecError,
  Decoder,
  MAXIMUM_PACKET_SIZE,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type Publish,
  type QoS,
  ReasonCode,
  type Repeats,
  SHORT_ACKNOWLEDGEMENT_BYTES,
  deliveryLength,
  encodeInto,
  encodedLength,
  writeDelivery,
  writeShortAcknowledgement,
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
import type { Runtime, Stream, StreamHandler } from "./runtime.ts";
import { COPIED_FRAME_BYTES_MAX } from "./slab.ts";

/** How long a peer may take to close a connection that we have closed. */
const LINGER_MS = 2_000;

/** A chunk in which as many packets have no repeats is taken to have none. */
const REPEAT_TRIES = 4;

/** Bytes that wait for the end of the turn outside the slab. */
const PARTS_BYTES_MAX = 128 * 1024;

/** Bytes on their way out, and the slab or the run of frames that they are a part of. */
interface Part {
  readonly bytes: Buffer;
  readonly slab: Buffer | undefined;
  readonly run: Buffer | undefined;
}

/** What waits for the network keeps the whole buffer that it is in: a part this many times smaller is copied. */
const KEPT_RATIO_MAX = 4;

/**
 * One network connection: bytes in, packets to its broker, packets out, bytes in few large writes. It is the outbox of
 * the broker's connection.
 */
export class Link implements Outbox, StreamHandler {
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
  /**
   * Frames that come behind those in the slab: `#run[#runStart, #runEnd)`. They stay where they were encoded or received
   * as long as each lies behind the one before it.
   */
  #run: Buffer | undefined;
  #runStart = 0;
  #runEnd = 0;
  /** Packet identifiers of these frames, each behind its index in `#run`. */
  readonly #packetIds: number[] = [];
  /** What leaves before the slab. */
  #parts: Part[] = [];
  #partsBytes = 0;
  /** At least as many as wait in the stream. */
  #unsentBytesAtMost = 0;
  #isDirty = false;
  /** By the broker. */
  #isPaused = false;
  /** Until its answers have left: the peer sends and does not read. */
  #isBlocked = false;
  /** For either of the two, since the end of a turn: most pauses are over before. */
  #isStreamPaused = false;
  /** Bytes of packets other than PUBLISH since the network was last keeping up. */
  #answerBytes = 0;
  #isClosed = false;
  /** How many more packets of this chunk may turn out to have no repeats that can be forwarded, before nobody looks. */
  #repeatTries = 0;
  /** CONNECT is due, or after `close` the end of the network connection. */
  readonly #patience: Deadline;

  constructor(runtime: Runtime, stream: Stream) {
    this.#runtime = runtime;
    this.stream = stream;
    this.#limits = runtime.limits;
    this.#decoder = new Decoder({
      maximumPacketSize: Math.min(this.#limits.packetBytesMax, this.#limits.connectBytesMax),
      receivedPublish: runtime.frames.received,
    });
    this.#patience = new Deadline(() => stream.destroy());
    runtime.deadlines.set(this.#patience, runtime.now() + runtime.limits.connectTimeoutMs);
    stream.handler = this;
  }

  get congested(): boolean {
    const collected = this.#partsBytes + this.#end + this.#runEnd - this.#runStart;
    const { unsentBytesMax } = this.#limits;
    if (this.#unsentBytesAtMost + collected <= unsentBytesMax) return false;
    this.#unsentBytesAtMost = this.stream.unsentBytes;
    return this.#unsentBytesAtMost + collected > unsentBytesMax;
  }

  // ---- what the network brings

  onData(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#runtime.network.bytesReceived += chunk.length;
    this.#decoder.push(chunk);
    this.#repeatTries = REPEAT_TRIES;
    this.#turn(handlePackets);
  }

  onDrain(): void {
    this.#turn(drained);
  }

  onClose(): void {
    this.#runtime.forget(this);
    this.#turn(lost);
  }

  /** Goes on with packets that have arrived while reading was paused. */
  goOn(): void {
    this.#turn(handlePackets);
  }

  /** Ends the connection with the server. */
  goAway(): void {
    this.#turn(close);
  }

  #turn(input: (link: Link, now: number) => void): void {
    const now = this.#runtime.beginTurn();
    try {
      input(this, now);
    } catch (error) {
      // A programmer's error: this connection ends, everything else goes on.
      this.#runtime.onError(error);
      this.stream.destroy();
    } finally {
      this.#runtime.endTurn();
    }
  }

  /** Passes on the packets that have arrived, until reading is paused. */
  handlePackets(now: number): void {
    try {
      while (!this.#isPaused && !this.#isClosed && !this.#isFlooded()) {
        if (this.#connection !== undefined && this.#handleShortAcknowledgement(this.#connection, now)) continue;
        const packet = this.#decoder.next();
        if (packet === undefined) return;
        if (this.#connection === undefined) {
          this.#handleFirst(packet, now);
        } else {
          this.#hosted!.broker.receive(this.#connection, packet, now);
          if (this.#repeatTries > 0 && packet.type === PacketType.PUBLISH) this.#forwardRepeats(packet);
        }
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#refuseMalformed(error, now);
    }
  }

  /** @returns false if another packet is next */
  #handleShortAcknowledgement(connection: Connection, now: number): boolean {
    const acknowledgement = this.#decoder.nextShortAcknowledgement();
    if (acknowledgement === 0) return false;
    const type = (acknowledgement >> 16) as Acknowledgement["type"];
    this.#hosted!.broker.receiveAcknowledgement(connection, type, acknowledgement & 0xffff, now);
    return true;
  }

  /** A client that sends much repeats itself: messages of one topic, one behind the other, are passed on in one piece. */
  #forwardRepeats(packet: Publish): void {
    if (this.#runtime.frames.received.packet !== packet) return;
    const repeats = this.#decoder.findRepeats();
    if (repeats === undefined) {
      this.#repeatTries--;
      return;
    }
    const end = this.#hosted!.broker.receiveRepeats(this.#connection!, packet.topic, repeats);
    if (end > repeats.start) this.#decoder.skipTo(end);
    // Most likely the others of this chunk have to be handled one by one, too.
    if (end < repeats.end) this.#repeatTries = 0;
  }

  drained(now: number): void {
    if (this.#isBlocked) {
      this.#isBlocked = false;
      this.#answerBytes = 0;
      this.#markDirty();
    }
    if (this.#connection !== undefined) this.#hosted!.broker.drained(this.#connection, now);
    this.handlePackets(now);
  }

  /**
   * The broker sends no more messages to a congested connection; its answers must not pile up either. True if as many
   * bytes of them wait as may: nothing more is read until they have left. A slow reader that sends little goes on being heard.
   */
  #isFlooded(): boolean {
    if (this.#answerBytes <= this.#limits.unsentBytesMax) return false;
    if (this.congested) {
      this.#isBlocked = true;
      this.#markDirty();
    } else {
      this.#answerBytes = 0;
    }
    return this.#isBlocked;
  }

  lost(now: number): void {
    this.#isClosed = true;
    this.#forgetOutput();
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
    if (packet.type !== PacketType.PUBLISH) this.#answerBytes += length;
    if (length > COPIED_FRAME_BYTES_MAX) {
      const frame = Buffer.allocUnsafe(length);
      encodeInto(packet, this.#version, frame, 0);
      this.#writeLarge(frame);
      return;
    }
    const slab = this.#reserve(length);
    this.#end = encodeInto(packet, this.#version, slab, this.#end);
  }

  acknowledge(type: Acknowledgement["type"], packetId: number): void {
    if (this.#isClosed) return;
    this.#answerBytes += SHORT_ACKNOWLEDGEMENT_BYTES;
    const slab = this.#reserve(SHORT_ACKNOWLEDGEMENT_BYTES);
    this.#end = writeShortAcknowledgement(slab, this.#end, type, packetId);
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
    const expiry = messageExpiryInterval;
    const identifiers = subscriptionIdentifiers;
    if (dup || topicAlias !== 0 || identifiers !== undefined) {
      const length =
        dup || this.#version < 5 ? Infinity : deliveryLength(message, qos, identifiers, expiry, topicAlias);
      if (length > COPIED_FRAME_BYTES_MAX) {
        this.send(publishPacket(message, packetId, qos, retain, dup, identifiers, expiry, topicAlias));
        return;
      }
      const slab = this.#reserve(length);
      const start = this.#end;
      this.#end = writeDelivery(slab, start, message, packetId, qos, retain, identifiers, expiry, topicAlias);
      return;
    }
    const { bytes, start, end, packetIdAt } = this.#runtime.frames.frame(message, this.#version, qos, retain, expiry);
    if (packetId !== 0 && end - start > COPIED_FRAME_BYTES_MAX) {
      this.#writeSharedFrame(bytes, start, end, packetIdAt, packetId);
      return;
    }
    this.#addToRun(bytes, start, end);
    if (packetId !== 0) this.#packetIds.push(packetIdAt, packetId);
  }

  forward({ bytes, start, packetIdsAt }: Repeats, end: number, packetIds: readonly number[]): void {
    if (this.#isClosed) return;
    this.#addToRun(bytes, start, end);
    for (let i = 0; i < packetIds.length; i++) this.#packetIds.push(packetIdsAt[i]!, packetIds[i]!);
  }

  #addToRun(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.#run || start !== this.#runEnd) {
      this.#endRun();
      this.#markDirty();
      this.#run = bytes;
      this.#runStart = start;
    }
    this.#runEnd = end;
  }

  /** A large frame is shared by all subscribers, but for its head with the packet identifier. */
  #writeSharedFrame(bytes: Buffer, start: number, end: number, packetIdAt: number, packetId: number): void {
    const head = Buffer.from(bytes.subarray(start, packetIdAt + 2));
    head.writeUInt16BE(packetId, packetIdAt - start);
    this.#writeLarge(head);
    this.#writeLarge(bytes.subarray(packetIdAt + 2, end));
  }

  pause(): void {
    this.#isPaused = true;
    this.#markDirty();
  }

  /** What was decoded meanwhile is handled at the end of the turn: the broker is in the middle of something. */
  resume(): void {
    this.#isPaused = false;
    if (this.#isClosed || this.#isBlocked) return;
    this.#markDirty();
    this.#runtime.handleLater(this);
  }

  close(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#isClosed = true;
    // What still comes is of no interest, but the peer's end is.
    if (this.#isStreamPaused) this.stream.resume();
    this.stream.end();
    this.#runtime.deadlines.set(this.#patience, this.#runtime.now() + LINGER_MS);
  }

  // ---- bytes out

  /** Writes what the turn has put together, and stops or goes on reading. */
  flush(): void {
    this.#isDirty = false;
    const pauses = this.#isPaused || this.#isBlocked;
    if (pauses !== this.#isStreamPaused && !this.#isClosed) {
      this.#isStreamPaused = pauses;
      if (pauses) this.stream.pause();
      else this.stream.resume();
    }
    if (this.#run !== undefined && (this.#end > 0 || !this.#writeRun(this.#run))) this.#endRun();
    this.#writeSlab();
    this.#writeParts();
  }

  #writeSlab(): void {
    if (this.#slab === undefined || this.#end === 0) return;
    const slab = this.#slab;
    const bytes = slab.subarray(0, this.#end);
    this.#slab = undefined;
    this.#end = 0;
    this.#write(bytes, slab, undefined);
  }

  /** Writes the run from where it is. @returns false where it has to be copied instead */
  #writeRun(run: Buffer): boolean {
    if (this.#packetIds.length > 0) return false;
    if ((this.#runEnd - this.#runStart) * KEPT_RATIO_MAX < run.buffer.byteLength) return false;
    const bytes = run.subarray(this.#runStart, this.#runEnd);
    this.#forgetRun();
    this.#writeSlab();
    this.#write(bytes, undefined, run);
    return true;
  }

  /** Moves the run into the slab; a long one is written. */
  #endRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    const start = this.#runStart;
    const length = this.#runEnd - start;
    if (length > COPIED_FRAME_BYTES_MAX) {
      if (this.#writeRun(run)) return;
      const copy = Buffer.from(run.subarray(start, start + length));
      this.#writePacketIds(copy, -start);
      this.#forgetRun();
      this.#writeLarge(copy);
    } else {
      const slab = this.#makeRoom(length);
      slab.set(run.subarray(start, start + length), this.#end);
      this.#writePacketIds(slab, this.#end - start);
      this.#end += length;
      this.#forgetRun();
    }
  }

  /** @param shift from an index in the run to the one in `target` */
  #writePacketIds(target: Buffer, shift: number): void {
    const ids = this.#packetIds;
    for (let i = 0; i < ids.length; i += 2) {
      const at = ids[i]! + shift;
      target[at] = ids[i + 1]! >> 8;
      target[at + 1] = ids[i + 1]! & 0xff;
    }
  }

  #forgetRun(): void {
    this.#run = undefined;
    this.#runStart = 0;
    this.#runEnd = 0;
    if (this.#packetIds.length > 0) this.#packetIds.length = 0;
  }

  /** The slab with room for `bytes` more at `#end`, behind everything that was sent before. */
  #reserve(bytes: number): Buffer {
    this.#endRun();
    this.#markDirty();
    return this.#makeRoom(bytes);
  }

  #markDirty(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#runtime.flushLater(this);
  }

  #makeRoom(bytes: number): Buffer {
    const { slabs } = this.#runtime;
    const slab = this.#slab;
    if (slab === undefined) return (this.#slab = slabs.acquire(bytes));
    if (this.#end + bytes <= slab.length) return slab;
    if (slabs.isLargest(slab)) {
      this.#writeSlab();
      return (this.#slab = slabs.acquireLargest());
    }
    const larger = slabs.acquireLargest();
    slab.copy(larger, 0, 0, this.#end);
    this.#runtime.slabs.release(slab);
    return (this.#slab = larger);
  }

  /** Writes bytes behind everything that was sent before. */
  #writeLarge(bytes: Buffer): void {
    this.#endRun();
    this.#markDirty();
    this.#writeSlab();
    this.#write(bytes, undefined, undefined);
  }

  /** Leaves them to the end of the turn, unless there is much already: then they go with a single system call. */
  #write(bytes: Buffer, slab: Buffer | undefined, run: Buffer | undefined): void {
    this.#parts.push({ bytes, slab, run });
    this.#partsBytes += bytes.length;
    if (this.#partsBytes >= PARTS_BYTES_MAX) this.#writeParts();
  }

  #writeParts(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    const { stream } = this;
    const { network, slabs, frames } = this.#runtime;
    network.bytesSent += this.#partsBytes;
    const hasLeft =
      parts.length === 1 ? stream.write(parts[0]!.bytes) : stream.writeAll(parts.map(({ bytes }) => bytes));
    this.#unsentBytesAtMost = hasLeft ? 0 : stream.unsentBytes;
    for (const { slab, run } of parts) {
      if (hasLeft && slab !== undefined) slabs.release(slab);
      if (!hasLeft && run !== undefined) frames.keep(run);
    }
    this.#parts = [];
    this.#partsBytes = 0;
  }

  #forgetOutput(): void {
    if (this.#slab !== undefined) this.#runtime.slabs.release(this.#slab);
    this.#slab = undefined;
    this.#end = 0;
    this.#forgetRun();
    this.#parts = [];
    this.#partsBytes = 0;
  }
}

// What a turn of a link begins with: functions of their own, since closures for each read would cost.
const handlePackets = (link: Link, now: number) => link.handlePackets(now);
const drained = (link: Link, now: number) => link.drained(now);
const lost = (link: Link, now: number) => link.lost(now);
const close = (link: Link) => link.close();
