import type { Properties } from "../codec/index.ts";
import type { Message } from "./ports.ts";

export type { Message };

/** Bytes beyond its parts that a message in a queue is taken to cost. */
const MESSAGE_OVERHEAD_BYTES = 128;
/** The same for each user property. */
const USER_PROPERTY_OVERHEAD_BYTES = 64;

/** Bytes that a message counts for in limits. */
export function messageBytes({
  topic,
  payload,
  properties,
}: Pick<Message, "topic" | "payload" | "properties">): number {
  const bytes = topic.length + payload.length + MESSAGE_OVERHEAD_BYTES;
  return properties === undefined ? bytes : bytes + propertyBytes(properties);
}

/** The same for one without properties. @param length of topic and payload */
export function waitingMessageBytes(length: number): number {
  return length + MESSAGE_OVERHEAD_BYTES;
}

function propertyBytes({ contentType, responseTopic, correlationData, userProperties = [] }: Properties): number {
  let bytes = (contentType?.length ?? 0) + (responseTopic?.length ?? 0) + (correlationData?.length ?? 0);
  for (const [name, value] of userProperties) bytes += name.length + value.length + USER_PROPERTY_OVERHEAD_BYTES;
  return bytes;
}

/**
 * Makes a message fit for keeping. Payload and correlation data are views of the chunk in which they arrived, with their
 * neighbours: a copy sets that chunk free where it is much larger than they are. All who hold the message share the copy.
 */
export function compactMessage(message: Pick<Message, "payload" | "properties">): void {
  const { properties } = message;
  (message as { payload: Buffer }).payload = compact(message.payload);
  if (properties?.correlationData !== undefined) properties.correlationData = compact(properties.correlationData);
}

function compact(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length + 1024) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Whole seconds until the message expires, undefined if it never does. [MQTT-3.3.2-6] */
export function secondsToExpiry(message: Message, now: number): number | undefined {
  if (message.expiresAtMs === Infinity) return undefined;
  return Math.max(0, Math.ceil((message.expiresAtMs - now) / 1000));
}

/** What `forwardedProperties` was last asked for, and its answer. */
let lastProperties: Properties | undefined;
let lastForwarded: Properties | undefined;

/**
 * The properties of a PUBLISH or a will that travel with the message to its subscribers, or undefined. The same object
 * where all of them do: the bytes in which they were received will do, too. Nobody changes them in place.
 */
export function forwardedProperties(properties: Properties | undefined): Properties | undefined {
  if (properties === undefined) return undefined;
  if (properties !== lastProperties) {
    lastForwarded = selectForwarded(properties);
    lastProperties = properties;
  }
  return lastForwarded;
}

function selectForwarded(properties: Properties): Properties | undefined {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  const forwarded: Properties = {};
  if (payloadFormatIndicator !== undefined) forwarded.payloadFormatIndicator = payloadFormatIndicator;
  if (contentType !== undefined) forwarded.contentType = contentType;
  if (responseTopic !== undefined) forwarded.responseTopic = responseTopic;
  if (correlationData !== undefined) forwarded.correlationData = correlationData;
  if (userProperties !== undefined) forwarded.userProperties = userProperties;
  const count = Object.keys(forwarded).length;
  if (count === 0) return undefined;
  return count === Object.keys(properties).length ? properties : forwarded;
}
