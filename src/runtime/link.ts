import {
  type Acknowledgement,
  type Connack,
  type Connect,
  CodecError,
  Decoder,
  MAXIMUM_PACKET_SIZE,
  type Packet,
  PacketType,
  type PlainFrames,
  type ProtocolVersion,
  type QoS,
  ReasonCode,
  SHORT_ACKNOWLEDGEMENT_BYTES,
  deliveryLength,
  encodeInto,
  encodedLength,
  writeDelivery,
  writeShortAcknowledgement,
} from "../codec/index.ts";
import {
  type Connection,
  type Deadline,
  type Limits,
  type Message,
  type Outbox,
  connackCode,
  publishPacket,
  reasonString,
} from "../broker/index.ts";
import type { HostedBroker } from "./hosted-broker.ts";
import { LinkOutput } from "./link-output.ts";
import type { Runtime, Stream, StreamHandler } from "./runtime.ts";
import { COPIED_FRAME_BYTES_MAX } from "./slab.ts";

/** How long a peer may take to close a connection that we have closed. */
const LINGER_MS = 2_000;

/** Where as many packets one behind the other could not be forwarded, nobody looks at the others of the chunk. */
const FORWARD_TRIES = 4;

/**
 * One network connection: bytes in, packets to its broker, packets out, bytes in few large writes. It is the outbox of
 * the broker's connection.
 */
export class Link implements Outbox, StreamHandler {
  readonly stream: Stream;
  /** Where the connections of an address are counted; it is not known any more when the connection ends. */
  readonly countedAddress: string | undefined;
  readonly #runtime: Runtime;
  readonly #decoder: Decoder;
  #version: ProtocolVersion = 4;
  /** Those of the server, until the broker is known. */
  #limits: Limits;
  #hosted: HostedBroker | undefined;
  #connection: Connection | undefined;

  readonly #output: LinkOutput;
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
  /** How many more of the packets that come next may turn out not to be forwarded, before nobody looks. */
  #forwardTries = 0;
  /** CONNECT is due, or after `close` the end of the network connection. */
  #patience: Deadline<Stream> | undefined;

  constructor(runtime: Runtime, stream: Stream, countedAddress: string | undefined) {
    this.#runtime = runtime;
    this.stream = stream;
    this.countedAddress = countedAddress;
    this.#output = new LinkOutput(runtime, stream);
    this.#limits = runtime.limits;
    this.#decoder = new Decoder({
      maximumPacketSize: Math.min(this.#limits.packetBytesMax, this.#limits.connectBytesMax),
      receivedPublish: runtime.frames.received,
      topicNames: runtime.frames.topicNames,
    });
    this.#bePatient(runtime.limits.connectTimeoutMs);
    stream.handler = this;
  }

  get congested(): boolean {
    return this.#output.hasMoreThan(this.#limits.unsentBytesMax);
  }

  // ---- what the network brings

  onData(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#runtime.network.bytesReceived += chunk.length;
    this.#decoder.push(chunk);
    this.#forwardTries = FORWARD_TRIES;
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
        const connection = this.#connection;
        if (connection !== undefined) {
          if (this.#handleShortAcknowledgement(connection, now)) continue;
          if (this.#forwardTries > 0 && this.#forwardFrames(connection, now)) continue;
        }
        const packet = this.#decoder.next();
        if (packet === undefined) return;
        if (connection === undefined) this.#handleFirst(packet, now);
        else this.#hosted!.broker.receive(connection, packet, now);
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

  /**
   * Messages whose topic came before are passed on as the bytes that they are, those of one topic in one piece.
   * @returns false if the next packet has to be looked at
   */
  #forwardFrames(connection: Connection, now: number): boolean {
    const { plain } = this.#runtime.frames;
    if (!this.#decoder.findPlainFrames(plain)) {
      this.#forwardTries--;
      return false;
    }
    const end = this.#hosted!.broker.receiveFrames(connection, plain, now);
    if (end === plain.start) {
      this.#forwardTries--;
      return false;
    }
    this.#decoder.skipTo(end);
    // Part of them: a subscriber takes no more.
    this.#forwardTries = end < plain.end ? 0 : FORWARD_TRIES;
    return true;
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
    this.#output.forget();
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
    if (this.#runtime.isCrowded(this)) {
      this.#refuse(packet, ReasonCode.QuotaExceeded, "too many connections from this address");
      return;
    }
    const located = this.#runtime.locate(packet, this.stream);
    if ("reasonCode" in located) {
      this.#refuse(packet, located.reasonCode, located.reason);
      return;
    }
    this.#runtime.deadlines.clear(this.#patience);
    this.#patience = undefined;
    this.#hosted = located;
    this.#limits = located.broker.limits;
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

  /** Nobody sends large packets before it is known who that is, in an exchange of AUTHs neither. */
  #admit(): void {
    this.#decoder.maximumPacketSize = this.#limits.packetBytesMax;
    this.stream.admitted?.();
  }

  // ---- what the broker wants sent

  send(packet: Packet): void {
    if (this.#isClosed) return;
    const output = this.#beginOutput();
    const length = encodedLength(packet, this.#version);
    if (packet.type !== PacketType.PUBLISH) this.#answerBytes += length;
    if (packet.type === PacketType.CONNACK && packet.reasonCode === ReasonCode.Success) this.#admit();
    if (length > COPIED_FRAME_BYTES_MAX) {
      const frame = Buffer.allocUnsafe(length);
      encodeInto(packet, this.#version, frame, 0);
      output.writeLarge(frame);
      return;
    }
    const slab = output.reserve(length);
    output.end = encodeInto(packet, this.#version, slab, output.end);
  }

  acknowledge(type: Acknowledgement["type"], packetId: number): void {
    if (this.#isClosed) return;
    this.#answerBytes += SHORT_ACKNOWLEDGEMENT_BYTES;
    const output = this.#beginOutput();
    const slab = output.reserve(SHORT_ACKNOWLEDGEMENT_BYTES);
    output.end = writeShortAcknowledgement(slab, output.end, type, packetId);
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
      const output = this.#beginOutput();
      const slab = output.reserve(length);
      output.end = writeDelivery(slab, output.end, message, packetId, qos, retain, identifiers, expiry, topicAlias);
      return;
    }
    const output = this.#beginOutput();
    const { bytes, start, end, packetIdAt } = this.#runtime.frames.frame(message, this.#version, qos, retain, expiry);
    if (packetId !== 0 && end - start > COPIED_FRAME_BYTES_MAX) {
      output.writeSharedFrame(bytes, start, end, packetIdAt, packetId);
      return;
    }
    output.addToRun(bytes, start, end);
    if (packetId !== 0) output.addPacketId(packetIdAt, packetId);
  }

  forward({ bytes, start, packetIdsAt }: PlainFrames, end: number, packetIds: readonly number[]): void {
    if (this.#isClosed) return;
    const output = this.#beginOutput();
    output.addToRun(bytes, start, end);
    for (let i = 0; i < packetIds.length; i++) output.addPacketId(packetIdsAt[i]!, packetIds[i]!);
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
    this.#bePatient(LINGER_MS);
  }

  #bePatient(ms: number): void {
    const { deadlines } = this.#runtime;
    this.#patience = deadlines.move(this.#patience, this.#runtime.now() + ms, this.stream, destroy);
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
    this.#output.flush();
  }

  #beginOutput(): LinkOutput {
    this.#markDirty();
    return this.#output;
  }

  /** What was put together leaves at the end of the turn. */
  #markDirty(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#runtime.flushLater(this);
  }
}

// What a turn of a link begins with: functions of their own, since closures for each read would cost.
const handlePackets = (link: Link, now: number) => link.handlePackets(now);
const drained = (link: Link, now: number) => link.drained(now);
const lost = (link: Link, now: number) => link.lost(now);
const close = (link: Link) => link.close();
const destroy = (stream: Stream) => stream.destroy();
