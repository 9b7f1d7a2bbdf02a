import type { Connect } from "../codec/index.ts";
import { type Message, compactMessage, forwardedProperties } from "./message.ts";

/** The message that a client wants published when it is gone (MQTT 5.0 §3.1.2.5). */
export interface Will {
  readonly delaySeconds: number;
  /** Seconds from publication to expiry; undefined if it does not expire. */
  readonly expiryIntervalSeconds: number | undefined;
  readonly message: Omit<Message, "id" | "receivedAtMs" | "expiresAtMs">;
}

/** The will of a CONNECT packet, if it has one. */
export function willOf(connect: Connect, clientId: string, tokenId: string | undefined): Will | undefined {
  const { will } = connect;
  if (will === undefined) return undefined;
  const message = {
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    properties: forwardedProperties(will.properties),
    publisherId: clientId,
    tokenId,
  };
  // It lasts as long as the connection, and CONNECT may have come with much else.
  compactMessage(message);
  return {
    delaySeconds: will.properties?.willDelayInterval ?? 0,
    expiryIntervalSeconds: will.properties?.messageExpiryInterval,
    message,
  };
}
