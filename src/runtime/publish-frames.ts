import {
  PlainFrames,
  type Properties,
  type ProtocolVersion,
  type QoS,
  ReceivedPublish,
  TopicNames,
  deliveryLength,
  encodeInto,
  encodedLength,
  writeDelivery,
} from "../codec/index.ts";
import { type Message, forwardedProperties, publishPacket } from "../broker/index.ts";
import { COPIED_FRAME_BYTES_MAX } from "./slab.ts";

const NOTHING = Buffer.alloc(0);
const LOG_BYTES = 64 * 1024;

/** Twice as many as a broker remembers routes of: then nearly every one of those has a place. 4 MiB, where all are taken. */
const TOPIC_NAMES = 32 * 1024;

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
  readonly topicNames = new TopicNames(TOPIC_NAMES);
  readonly plain = new PlainFrames();
  readonly #lanes: (Lane | undefined)[] = [];
  readonly #used: Lane[] = [];

  /** The properties that were looked at last, and whether all but the expiry interval travel with the message. */
  #lastProperties: Properties | undefined;
  #lastTravel = false;

  /** The frame of a message. Its bytes stay as they are until the end of the turn, and longer where `keep` says so. */
  frame(
    message: Message,
    version: ProtocolVersion,
    qos: QoS,
    retain: boolean,
    expiry: number | undefined,
  ): Readonly<Lane> {
    // 3.x has no expiry interval.
    if (version < 5) expiry = undefined;
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
    this.plain.clear();
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
      this.#areAsReceived(packet.properties, message, version, expiry) &&
      (this.received.version === 5) === (version === 5) &&
      hasMinimalLength(bytes, start)
    );
  }

  #areAsReceived(
    received: Properties | undefined,
    message: Message,
    version: ProtocolVersion,
    expiry: number | undefined,
  ): boolean {
    if (version < 5) return true;
    // The same object where all of them travel with the message.
    if (expiry === undefined) return received === message.properties;
    // Nothing of the interval has passed yet.
    if (received?.messageExpiryInterval !== expiry || forwardedProperties(received) !== message.properties)
      return false;
    if (received !== this.#lastProperties) {
      this.#lastProperties = received;
      this.#lastTravel = Object.keys(received).length === Object.keys(message.properties ?? {}).length + 1;
    }
    return this.#lastTravel;
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
  const isV5 = version === 5;
  // Without a packet object where there is no need for one.
  const packet = isV5 ? undefined : publishPacket(message, qos === 0 ? 0 : 1, qos, retain, false, undefined, expiry);
  const length = packet ? encodedLength(packet, version) : deliveryLength(message, qos, undefined, expiry, 0);
  if (length > COPIED_FRAME_BYTES_MAX) {
    lane.bytes = Buffer.allocUnsafe(length);
    lane.start = 0;
  } else {
    if (lane.log === undefined || lane.logEnd + length > LOG_BYTES) {
      lane.log = Buffer.allocUnsafeSlow(LOG_BYTES);
      lane.logEnd = 0;
    }
    lane.bytes = lane.log;
    lane.start = lane.logEnd;
    lane.logEnd += length;
  }
  const { bytes, start } = lane;
  lane.end = packet
    ? encodeInto(packet, version, bytes, start)
    : writeDelivery(bytes, start, message, qos === 0 ? 0 : 1, qos, retain, undefined, expiry, 0);
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
