import { type ProtocolVersion, type QoS, ReceivedPublish, encodeInto, encodedLength } from "../codec/index.ts";
import { type Message, publishPacket } from "../broker/index.ts";
import { COPIED_FRAME_BYTES_MAX } from "./slab.ts";

const NOTHING = Buffer.alloc(0);
const LOG_BYTES = 64 * 1024;

/** The last PUBLISH of one kind as bytes. */
class Lane {
  message: Message | undefined;
  expiry: number | undefined;
  /** The frame is `bytes[start, end)`. It may have the packet identifier of another subscriber, or of the publisher. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** Of the packet identifier in `bytes`, 0 at QoS 0. */
  packetIdAt = 0;

  /** Where frames of this kind are encoded, one behind the other. */
  log: Buffer | undefined;
  logEnd = 0;
}

/**
 * Messages as PUBLISH frames. While one message goes to its subscribers most frames differ in nothing but the packet
 * identifier: it is encoded once, or not at all where the bytes in which it was received will do. Messages one after the
 * other stand in memory one behind the other, so that a subscriber who gets all of them gets them in one piece.
 */
export class PublishFrames {
  /** For the decoders of all links. */
  readonly received = new ReceivedPublish();
  readonly #lanes: (Lane | undefined)[] = [];
  readonly #used: Lane[] = [];

  /** The frame of a message. Its bytes stay as they are until the end of the turn, and longer where `keep` says so. */
  frame(
    message: Message,
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    expiry: number | undefined,
  ): Readonly<Lane> {
    const kind = (version === 5 ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
    const lane = (this.#lanes[kind] ??= new Lane());
    if (lane.message !== message || lane.expiry !== expiry) this.#fill(lane, message, version, qos, retain, expiry);
    return lane;
  }

  /** The bytes of a frame are still being sent when the turn ends. */
  keep(bytes: Buffer): void {
    for (const lane of this.#used) if (lane.log === bytes) lane.log = undefined;
  }

  /** The turn has ended. */
  clear(): void {
    this.received.clear();
    for (let i = 0; i < this.#used.length; i++) {
      const lane = this.#used[i]!;
      lane.message = undefined;
      lane.bytes = NOTHING;
      lane.logEnd = 0;
    }
    this.#used.length = 0;
  }

  #fill(
    lane: Lane,
    message: Message,
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    expiry: number | undefined,
  ): void {
    if (lane.message === undefined) this.#used.push(lane);
    lane.message = message;
    lane.expiry = expiry;
    if (this.#isAsReceived(message, version, qos, retain, expiry)) {
      const { bytes, start, end } = this.received;
      lane.bytes = bytes;
      lane.start = start;
      lane.end = end;
    } else {
      encodeIntoLog(lane, message, version, qos, retain, expiry);
    }
    lane.packetIdAt = qos === 0 ? 0 : packetIdAt(lane.bytes, lane.start);
  }

  /** True if the packet in which the message was received is, but for the packet identifier, the one to be sent. */
  #isAsReceived(
    message: Message,
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    expiry: number | undefined,
  ): boolean {
    const { packet, bytes, start } = this.received;
    return (
      packet !== undefined &&
      // Each packet has a payload object of its own; that of an empty payload is shared, and equals any other.
      packet.payload === message.payload &&
      packet.topic === message.topic &&
      packet.qos === qos &&
      packet.retain === retain &&
      !packet.dup &&
      // The same object where all of them travel with the message.
      packet.properties === message.properties &&
      expiry === undefined &&
      (this.received.version === 5) === (version === 5) &&
      hasMinimalLength(bytes, start)
    );
  }
}

function encodeIntoLog(
  lane: Lane,
  message: Message,
  version: ProtocolVersion,
  qos: QoS,
  retain: boolean,
  expiry: number | undefined,
): void {
  const packet = publishPacket(message, qos === 0 ? 0 : 1, qos, retain, false, undefined, expiry);
  const length = encodedLength(packet, version);
  if (length > COPIED_FRAME_BYTES_MAX) {
    lane.bytes = Buffer.allocUnsafe(length);
    lane.start = 0;
    lane.end = encodeInto(packet, version, lane.bytes, 0);
    return;
  }
  if (lane.log === undefined || lane.logEnd + length > LOG_BYTES) {
    lane.log = Buffer.allocUnsafeSlow(LOG_BYTES);
    lane.logEnd = 0;
  }
  lane.bytes = lane.log;
  lane.start = lane.logEnd;
  lane.end = lane.logEnd = encodeInto(packet, version, lane.log, lane.logEnd);
}

/** Behind the fixed header and the topic name (MQTT 5.0 §3.3.2). */
function packetIdAt(bytes: Buffer, start: number): number {
  let offset = start + 1;
  while (bytes[offset++]! >= 0x80);
  return offset + 2 + ((bytes[offset]! << 8) | bytes[offset + 1]!);
}

/** False where a 3.x client wrote the Remaining Length with more bytes than it needs. */
function hasMinimalLength(bytes: Buffer, start: number): boolean {
  let offset = start + 1;
  while (bytes[offset]! >= 0x80) offset++;
  return offset === start + 1 || bytes[offset] !== 0;
}
