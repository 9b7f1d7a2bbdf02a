/**
 * PUBLISH of MQTT 5.0 for one subscriber: the message, and what differs from one subscriber to the next. Written without
 * a packet object, since a message that fans out has one such frame for each.
 */
import { PacketType } from "./packets.ts";
import type { Properties, QoS } from "./packets.ts";
import { propertiesLength, writeProperties } from "./properties.ts";
import { topicLength, writeTopic } from "./topic-encoder.ts";
import { variableByteIntegerLength, writeVariableByteInteger } from "./variable-byte-integer.ts";
import { writeFourByteInteger, writeTwoByteInteger } from "./writer.ts";

const RETAIN = 0x01;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;

const NOTHING = Buffer.alloc(0);

/** The properties that were encoded last, without the Property Length: those of a message are the same for all. */
let lastProperties: Properties | undefined;
let lastBytes = NOTHING;

export interface Delivery {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Those that travel with the message. Never changed in place: what was encoded of the object is used again. */
  readonly properties: Properties | undefined;
}

/**
 * Bytes that the frame takes, the fixed header included.
 * @param topicAlias 0 for none; an alias that stands for the topic; below 0, one that is set together with the topic
 * @param expiry seconds
 */
export function deliveryLength(
  delivery: Delivery,
  qos: QoS,
  identifiers: readonly number[] | undefined,
  expiry: number | undefined,
  topicAlias: number,
): number {
  const properties = ownLength(identifiers, expiry, topicAlias) + encoded(delivery.properties).length;
  const remaining = remainingLength(delivery, qos, properties, topicAlias);
  return 1 + variableByteIntegerLength(remaining) + remaining;
}

/**
 * Writes the frame, whose length `deliveryLength` has told.
 * @param packetId 0 at QoS 0
 * @returns the offset after it
 */
export function writeDelivery(
  target: Buffer,
  start: number,
  delivery: Delivery,
  packetId: number,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | undefined,
  expiry: number | undefined,
  topicAlias: number,
): number {
  const shared = encoded(delivery.properties);
  const properties = ownLength(identifiers, expiry, topicAlias) + shared.length;
  target[start] = (PacketType.PUBLISH << 4) | (qos << 1) | (retain ? RETAIN : 0);
  const remaining = remainingLength(delivery, qos, properties, topicAlias);
  let offset = writeVariableByteInteger(target, start + 1, remaining);
  if (topicAlias > 0) offset = writeTwoByteInteger(target, offset, 0);
  else offset = writeTopic(target, offset, delivery.topic);
  if (qos !== 0) offset = writeTwoByteInteger(target, offset, packetId);
  offset = writeVariableByteInteger(target, offset, properties);
  if (topicAlias !== 0) {
    target[offset] = TOPIC_ALIAS;
    offset = writeTwoByteInteger(target, offset + 1, Math.abs(topicAlias));
  }
  if (expiry !== undefined) {
    target[offset] = MESSAGE_EXPIRY_INTERVAL;
    offset = writeFourByteInteger(target, offset + 1, expiry);
  }
  if (identifiers !== undefined) {
    for (let i = 0; i < identifiers.length; i++) {
      target[offset] = SUBSCRIPTION_IDENTIFIER;
      offset = writeVariableByteInteger(target, offset + 1, identifiers[i]!);
    }
  }
  target.set(shared, offset);
  offset += shared.length;
  target.set(delivery.payload, offset);
  return offset + delivery.payload.length;
}

/** Bytes of the properties that the subscriber has to itself. */
function ownLength(identifiers: readonly number[] | undefined, expiry: number | undefined, topicAlias: number): number {
  let length = (topicAlias === 0 ? 0 : 3) + (expiry === undefined ? 0 : 5);
  if (identifiers !== undefined) {
    for (let i = 0; i < identifiers.length; i++) length += 1 + variableByteIntegerLength(identifiers[i]!);
  }
  return length;
}

function remainingLength({ topic, payload }: Delivery, qos: QoS, properties: number, topicAlias: number): number {
  const name = 2 + (topicAlias > 0 ? 0 : topicLength(topic));
  return name + (qos === 0 ? 0 : 2) + variableByteIntegerLength(properties) + properties + payload.length;
}

function encoded(properties: Properties | undefined): Buffer {
  if (properties === undefined) return NOTHING;
  if (properties !== lastProperties) {
    const length = propertiesLength(properties, PacketType.PUBLISH);
    const bytes = Buffer.allocUnsafe(length);
    writeProperties(bytes, 0, properties);
    let start = 0;
    while (bytes[start++]! >= 0x80);
    lastBytes = bytes.subarray(start);
    lastProperties = properties;
  }
  return lastBytes;
}
