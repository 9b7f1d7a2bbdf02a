import { isEncodableString } from "../codec/index.ts";

const REASON_CHARACTERS_MAX = 200;

/**
 * A reason for people as a Reason String (MQTT 5.0 §3.14.2.2.3). It may quote what a client sent: it is cut where it is
 * long, and left out where it cannot be sent.
 */
export function reasonString(reason: string): string | undefined {
  const text = reason.length > REASON_CHARACTERS_MAX ? `${reason.slice(0, REASON_CHARACTERS_MAX)}…` : reason;
  return isEncodableString(text) ? text : undefined;
}
