/** A message as a subscriber got it, and how it is printed. */
import { isUtf8 } from "node:buffer";
import type { Subject } from "./condition.ts";
import { propertiesToJson, type MessageProperties } from "../mqtt/properties.ts";
import { printable } from "../output/table.ts";

export interface ReceivedMessage {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  messageId: number | undefined;
  properties: MessageProperties | undefined;
  /** When it arrived here. */
  time: Date;
}

/** Text as it is, anything else in base64; `payloadEncoding` says which. */
function encodePayload(payload: Buffer): { payload: string; payloadEncoding: "utf8" | "base64" } {
  return isUtf8(payload)
    ? { payload: payload.toString("utf8"), payloadEncoding: "utf8" }
    : { payload: payload.toString("base64"), payloadEncoding: "base64" };
}

/** One object of `sub --json`. */
export function messageToJson(message: ReceivedMessage): object {
  const { topic, payload, qos, retain, dup, properties, time } = message;
  return {
    v: 1,
    topic,
    ...encodePayload(payload),
    qos,
    retain,
    ...(dup && { dup }),
    properties: propertiesToJson(properties),
    time: time.toISOString(),
  };
}

/**
 * The payload for a terminal: what is not text in hexadecimal, and no control characters, with which a publisher
 * could rewrite the screen. Line breaks and tabs stay.
 */
export function payloadForTerminal(payload: Buffer): string {
  if (!isUtf8(payload)) return `<${payload.length} bytes: ${payload.toString("hex")}>`;
  return payload
    .toString("utf8")
    .split(/([\n\t])/)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join("");
}

/** The message as conditions see it. */
export function subjectOf({ topic, payload, qos, retain, properties }: ReceivedMessage): Subject {
  const text = payload.toString("utf8");
  return { topic, payload: parsedOr(text), text, qos, retain, properties: propertiesToJson(properties) };
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
