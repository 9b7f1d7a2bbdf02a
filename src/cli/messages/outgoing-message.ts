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

/**
 * Reads one object: topic, payload, payloadEncoding, qos, retain, properties. A payload that is not text is sent as
 * JSON. Fields that `sub --json` adds for reading (v, time, dup) mean nothing here.
 * @throws {UserError} `usage`
 */
export function parseMessageLine(line: Buffer, defaults: MessageDefaults, number: number): OutgoingMessage {
  const wrong = (what: string, hint = 'a line is such as {"topic":"a/b","payload":"hello"}') =>
    usageError(`line ${number}: ${what}`, hint);
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    throw wrong("this is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong("this is not a JSON object");
  const {
    topic = defaults.topic,
    payload,
    payloadEncoding,
    qos,
    retain,
    properties,
  } = value as Record<string, unknown>;
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
