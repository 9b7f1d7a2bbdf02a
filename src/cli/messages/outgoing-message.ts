/** Messages of `pub` on their way out, and their form as lines of JSON, which is what `sub --json` prints. */
import { usageError } from "../errors.ts";
import type { PublishOptions } from "../mqtt/connection.ts";
import { type MessageProperties, propertiesFromJson } from "../mqtt/properties.ts";
import { checkTopicName } from "./topic.ts";

export interface OutgoingMessage {
  topic: string;
  payload: Buffer;
  options: PublishOptions;
}

/** What a line leaves out. */
export interface MessageDefaults {
  topic: string | undefined;
  options: PublishOptions;
}

const LINE_HINT = 'a line is such as {"topic":"a/b","payload":"hello"}';

/**
 * Reads one object: topic, payload, payloadEncoding, qos, retain, properties. A payload that is not text is sent as
 * JSON. Fields that `sub --json` adds for reading (v, time, dup) mean nothing here.
 * @param where the line is, for errors
 * @throws {UserError} `usage`
 */
export function parseMessageLine(line: Buffer, defaults: MessageDefaults, where: string): OutgoingMessage {
  return messageOf(parseLine(line, where), defaults, where);
}

/** @throws {UserError} `usage` where the line is no JSON object */
export function parseLine(line: Buffer, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    throw usageError(`${where}: this is not JSON`, LINE_HINT);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw usageError(`${where}: this is not a JSON object`, LINE_HINT);
}

/** As `parseMessageLine`, of what the line has in it. */
export function messageOf(
  object: Readonly<Record<string, unknown>>,
  defaults: MessageDefaults,
  where: string,
): OutgoingMessage {
  const wrong = (what: string, hint = LINE_HINT) => usageError(`${where}: ${what}`, hint);
  const { topic = defaults.topic, payload, payloadEncoding, qos, retain, properties } = object;
  if (typeof topic !== "string") throw wrong("there is no topic", "name one in each line, or for all as an argument");
  if (qos !== undefined && qos !== 0 && qos !== 1 && qos !== 2) throw wrong("qos is 0, 1 or 2");
  if (retain !== undefined && typeof retain !== "boolean") throw wrong("retain is true or false");
  if (payloadEncoding !== undefined && payloadEncoding !== "utf8" && payloadEncoding !== "base64") {
    throw wrong('payloadEncoding is "utf8" or "base64"');
  }
  if (payloadEncoding === "base64" && typeof payload !== "string") throw wrong("a payload in base64 is a text");
  try {
    checkTopicName(topic);
    const own: MessageProperties | undefined = propertiesFromJson(properties);
    return {
      topic,
      payload: payloadBytes(payload, payloadEncoding),
      options: {
        qos: qos ?? defaults.options.qos,
        retain: retain ?? defaults.options.retain,
        properties: own ?? defaults.options.properties,
      },
    };
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function payloadBytes(payload: unknown, encoding: "utf8" | "base64" | undefined): Buffer {
  if (payload === undefined) return Buffer.alloc(0);
  return typeof payload === "string" ? Buffer.from(payload, encoding) : Buffer.from(JSON.stringify(payload));
}
