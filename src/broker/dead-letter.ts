import type { UserProperty } from "../codec/index.ts";
import type { Message } from "./message.ts";

/** User properties of a dead letter; those of the message itself stay before them. The time is in UNIX milliseconds. */
const REASON = "dead-letter-reason";
const TOPIC = "dead-letter-topic";
const CLIENT_ID = "dead-letter-client-id";
const MESSAGE_ID = "dead-letter-mid";
const TIME = "dead-letter-time";

/**
 * A message that is lost as it is published for those who collect such: payload, QoS and properties are the same, and
 * user properties say where it was to go, from whom (left out where the broker published it), when, and why it did not.
 */
export function deadLetter(message: Message, id: number, topic: string, reason: string): Message {
  const { properties, publisherId, receivedAtMs } = message;
  const userProperties: UserProperty[] = [
    ...(properties?.userProperties ?? []),
    [REASON, reason],
    [TOPIC, message.topic],
    ...(publisherId === "" ? [] : [[CLIENT_ID, publisherId] as const]),
    [MESSAGE_ID, String(message.id)],
    [TIME, String(receivedAtMs)],
  ];
  const published = { ...properties, userProperties };
  return { ...message, id, topic, retain: false, publisherId: "", tokenId: undefined, properties: published };
}
