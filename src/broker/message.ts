import type { Properties } from "../codec/index.ts";
import type { Message } from "./ports.ts";

export type { Message };

/** Bytes beyond topic and payload that a message in a queue is taken to cost. */
const MESSAGE_OVERHEAD_BYTES = 128;

/** Bytes that a message counts for in limits. */
export function messageBytes(message: Pick<Message, "topic" | "payload">): number {
  return message.topic.length + message.payload.length + MESSAGE_OVERHEAD_BYTES;
}

/**
 * Makes a message fit for keeping. A payload is a view of the chunk in which it arrived, with its neighbours: a copy
 * sets that chunk free where it is much larger than the payload. All who hold the message share the copy.
 */
export function compactMessage(message: Message): void {
  const { payload } = message;
  if (payload.buffer.byteLength <= 2 * payload.length + 1024) return;
  const copy = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(copy);
  (message as { payload: Buffer }).payload = copy;
}

/** Whole seconds until the message expires, undefined if it never does. [MQTT-3.3.2-6] */
export function secondsToExpiry(message: Message, now: number): number | undefined {
  if (message.expiresAtMs === Infinity) return undefined;
  return Math.max(0, Math.ceil((message.expiresAtMs - now) / 1000));
}

/** The properties of a PUBLISH or a will that travel with the message to its subscribers, or undefined. */
export function forwardedProperties(properties: Properties | undefined): Properties | undefined {
  if (properties === undefined) return undefined;
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  const forwarded: Properties = {};
  if (payloadFormatIndicator !== undefined) forwarded.payloadFormatIndicator = payloadFormatIndicator;
  if (contentType !== undefined) forwarded.contentType = contentType;
  if (responseTopic !== undefined) forwarded.responseTopic = responseTopic;
  if (correlationData !== undefined) forwarded.correlationData = correlationData;
  if (userProperties !== undefined) forwarded.userProperties = userProperties;
  return Object.keys(forwarded).length === 0 ? undefined : forwarded;
}
