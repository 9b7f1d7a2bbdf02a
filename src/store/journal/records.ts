/** Records ⇄ bytes, in version 1 of the format. */
import type { JournalRecord, Message, WaitingMessage } from "../../broker/ports.ts";
import type { Properties, QoS } from "../../codec/index.ts";
import type { ByteReader, ByteWriter } from "./bytes.ts";

type RecordOf<Type extends JournalRecord["type"]> = Extract<JournalRecord, { readonly type: Type }>;
type Will = NonNullable<RecordOf<"session">["will"]>;
type WillMessage = Will["message"];

/** Numbers of the record types on the disk. They are never given to another type. */
export const recordTypes = {
  session: 16,
  subscription: 17,
  message: 18,
  retained: 19,
  delivery: 20,
  received: 21,
} as const satisfies Record<JournalRecord["type"], number>;

const QOS = 3;
/** Flags beside the QoS of messages and deliveries. */
const RETAIN = 4;
const EXPIRES = 8;
const HAS_TOKEN = 16;
const HAS_PROPERTIES = 32;
const RELEASED = 8;
const HAS_IDENTIFIERS = 16;
/** Flags of subscriptions. */
const NO_LOCAL = 4;
const RETAIN_AS_PUBLISHED = 8;
/** Flags of sessions. */
const ENDS = 1;
const HAS_WILL = 2;
const WILL_IS_DUE = 4;
const WILL_EXPIRES = 8;
const DOUBLE_BYTES = 8;
/** Flags of properties. */
const FORMAT_INDICATOR = 1;
const CONTENT_TYPE = 2;
const RESPONSE_TOPIC = 4;
const CORRELATION_DATA = 8;
const USER_PROPERTIES = 16;

const knownTypes: ReadonlySet<number> = new Set(Object.values(recordTypes));

export function isRecordType(type: number): boolean {
  return knownTypes.has(type);
}

/** @throws TypeError or RangeError where the record has what no record has */
export function writeRecord(to: ByteWriter, record: JournalRecord): void {
  switch (record.type) {
    case "session":
      return writeSession(to, record);
    case "subscription":
      to.integer(record.session);
      to.byte(record.qos | flag(record.noLocal, NO_LOCAL) | flag(record.retainAsPublished, RETAIN_AS_PUBLISHED));
      to.string(record.key);
      return to.integer(record.identifier);
    case "message":
      return writeMessage(to, record.message);
    case "retained":
      return to.integer(record.message);
    case "delivery":
      return writeDelivery(to, record);
    case "received":
      to.integer(record.session);
      return to.integer(record.packetId);
  }
}

/**
 * @param type one of `recordTypes`
 * @returns undefined where the type is unknown
 * @throws RangeError where the bytes end too early
 */
export function readRecord(from: ByteReader, type: number): JournalRecord | undefined {
  switch (type) {
    case recordTypes.session:
      return readSession(from);
    case recordTypes.subscription:
      return readSubscription(from);
    case recordTypes.message:
      return { type: "message", message: readMessage(from) };
    case recordTypes.retained:
      return { type: "retained", message: from.integer() };
    case recordTypes.delivery:
      return readDelivery(from);
    case recordTypes.received:
      return { type: "received", session: from.integer(), packetId: from.integer() };
    default:
      return undefined;
  }
}

function flag(condition: boolean, bit: number): number {
  return condition ? bit : 0;
}

function writeSession(to: ByteWriter, session: RecordOf<"session">): void {
  const { will, endsAtMs, willDueAtMs } = session;
  to.byte(
    flag(endsAtMs !== undefined, ENDS) |
      flag(will !== undefined, HAS_WILL) |
      flag(willDueAtMs !== undefined, WILL_IS_DUE) |
      flag(will?.expiryIntervalSeconds !== undefined, WILL_EXPIRES),
  );
  to.string(session.clientId);
  to.integer(session.expiryIntervalSeconds);
  if (endsAtMs !== undefined) to.double(endsAtMs);
  if (willDueAtMs !== undefined) to.double(willDueAtMs);
  if (will === undefined) return;
  to.integer(will.delaySeconds);
  if (will.expiryIntervalSeconds !== undefined) to.integer(will.expiryIntervalSeconds);
  writePublication(to, will.message, 0);
}

function readSession(from: ByteReader): JournalRecord {
  const flags = from.byte();
  return {
    type: "session",
    clientId: from.string(),
    expiryIntervalSeconds: from.integer(),
    endsAtMs: flags & ENDS ? from.double() : undefined,
    willDueAtMs: flags & WILL_IS_DUE ? from.double() : undefined,
    will: flags & HAS_WILL ? readWill(from, (flags & WILL_EXPIRES) !== 0) : undefined,
  };
}

function readWill(from: ByteReader, expires: boolean): Will {
  return {
    delaySeconds: from.integer(),
    expiryIntervalSeconds: expires ? from.integer() : undefined,
    message: readPublication(from, from.byte()),
  };
}

function readSubscription(from: ByteReader): JournalRecord {
  const session = from.integer();
  const flags = from.byte();
  return {
    type: "subscription",
    session,
    key: from.string(),
    qos: (flags & QOS) as QoS,
    noLocal: (flags & NO_LOCAL) !== 0,
    retainAsPublished: (flags & RETAIN_AS_PUBLISHED) !== 0,
    identifier: from.integer(),
  };
}

function writeMessage(to: ByteWriter, message: Message): void {
  const expires = message.expiresAtMs !== Infinity;
  writePublication(to, message, flag(expires, EXPIRES));
  to.integer(message.id);
  to.double(message.receivedAtMs);
  if (expires) to.double(message.expiresAtMs);
}

function readMessage(from: ByteReader): Message {
  const flags = from.byte();
  const { topic, payload, qos, retain, properties, publisherId, tokenId } = readPublication(from, flags);
  const id = from.integer();
  const receivedAtMs = from.double();
  const expiresAtMs = flags & EXPIRES ? from.double() : Infinity;
  const kept = undefined;
  return { id, topic, payload, qos, retain, properties, publisherId, tokenId, receivedAtMs, expiresAtMs, kept };
}

/**
 * What is to be known of a message before it is its turn.
 * @returns undefined where it has to be read as a whole
 */
export function peekMessage(from: ByteReader, place: number): WaitingMessage | undefined {
  const flags = from.byte();
  if (flags & HAS_PROPERTIES) return undefined;
  const topicLength = from.integer();
  if (!from.skipAscii(topicLength)) return undefined;
  const payloadLength = from.integer();
  from.skip(payloadLength);
  from.skip(from.integer());
  if (flags & HAS_TOKEN) from.skip(from.integer());
  const id = from.integer();
  from.skip(flags & EXPIRES ? 2 * DOUBLE_BYTES : DOUBLE_BYTES);
  // Whoever reads it as a whole sees at once what is wrong with it.
  return from.at === from.end ? { type: "waiting", place, id, length: topicLength + payloadLength } : undefined;
}

/** What messages and wills have in common; the first byte has flags of both. */
function writePublication(to: ByteWriter, message: WillMessage, otherFlags: number): void {
  const { qos, retain, properties, tokenId } = message;
  to.byte(
    otherFlags |
      qos |
      flag(retain, RETAIN) |
      flag(tokenId !== undefined, HAS_TOKEN) |
      flag(properties !== undefined, HAS_PROPERTIES),
  );
  to.string(message.topic);
  to.binary(message.payload);
  to.string(message.publisherId);
  if (tokenId !== undefined) to.string(tokenId);
  if (properties !== undefined) writeProperties(to, properties);
}

function readPublication(from: ByteReader, flags: number): WillMessage {
  return {
    qos: (flags & QOS) as QoS,
    retain: (flags & RETAIN) !== 0,
    topic: from.string(),
    payload: from.binary(),
    publisherId: from.string(),
    tokenId: flags & HAS_TOKEN ? from.string() : undefined,
    properties: flags & HAS_PROPERTIES ? readProperties(from) : undefined,
  };
}

/** Those that travel with a message. */
function writeProperties(to: ByteWriter, properties: Properties): void {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties, ...others } = properties;
  const [other] = Object.keys(others);
  if (other !== undefined) throw new TypeError(`the property ${other} does not travel with a message`);
  to.byte(
    flag(payloadFormatIndicator !== undefined, FORMAT_INDICATOR) |
      flag(contentType !== undefined, CONTENT_TYPE) |
      flag(responseTopic !== undefined, RESPONSE_TOPIC) |
      flag(correlationData !== undefined, CORRELATION_DATA) |
      flag(userProperties !== undefined, USER_PROPERTIES),
  );
  if (payloadFormatIndicator !== undefined) to.byte(payloadFormatIndicator);
  if (contentType !== undefined) to.string(contentType);
  if (responseTopic !== undefined) to.string(responseTopic);
  if (correlationData !== undefined) to.binary(correlationData);
  if (userProperties === undefined) return;
  to.integer(userProperties.length);
  for (const [name, value] of userProperties) {
    to.string(name);
    to.string(value);
  }
}

function readProperties(from: ByteReader): Properties {
  const flags = from.byte();
  const properties: Properties = {};
  if (flags & FORMAT_INDICATOR) properties.payloadFormatIndicator = from.byte();
  if (flags & CONTENT_TYPE) properties.contentType = from.string();
  if (flags & RESPONSE_TOPIC) properties.responseTopic = from.string();
  if (flags & CORRELATION_DATA) properties.correlationData = from.binary();
  if (flags & USER_PROPERTIES) {
    properties.userProperties = readMany(from, () => [from.string(), from.string()] as const);
  }
  return properties;
}

function writeDelivery(to: ByteWriter, delivery: RecordOf<"delivery">): void {
  const { subscriptionIdentifiers } = delivery;
  to.integer(delivery.session);
  to.integer(delivery.message);
  to.byte(
    delivery.qos |
      flag(delivery.retain, RETAIN) |
      flag(delivery.released, RELEASED) |
      flag(subscriptionIdentifiers !== undefined, HAS_IDENTIFIERS),
  );
  to.integer(delivery.packetId);
  if (subscriptionIdentifiers === undefined) return;
  to.integer(subscriptionIdentifiers.length);
  for (const identifier of subscriptionIdentifiers) to.integer(identifier);
}

function readDelivery(from: ByteReader): JournalRecord {
  const session = from.integer();
  const message = from.integer();
  const flags = from.byte();
  return {
    type: "delivery",
    session,
    message,
    qos: (flags & QOS) as QoS,
    retain: (flags & RETAIN) !== 0,
    released: (flags & RELEASED) !== 0,
    packetId: from.integer(),
    subscriptionIdentifiers: flags & HAS_IDENTIFIERS ? readMany(from, () => from.integer()) : undefined,
  };
}

function readMany<Item>(from: ByteReader, readOne: () => Item): Item[] {
  const count = from.integer();
  const items: Item[] = [];
  for (let index = 0; index < count; index++) items.push(readOne());
  return items;
}
