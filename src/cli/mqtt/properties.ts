/** Properties of a published message (MQTT 5.0 §3.3.2.3), between the codec, `-D` and JSON. */
import type { Properties } from "../../codec/index.ts";
import { usageError } from "../errors.ts";

export type MessageProperties = Properties;

const NAMES =
  "content-type, correlation-data, message-expiry-interval, payload-format-indicator, response-topic, topic-alias, user-property";

/**
 * Reads the values of `-D`, each like `publish user-property name value` or `content-type text/plain`. Words in double
 * quotes may have spaces.
 * @throws {UserError} `usage`
 */
export function parseProperties(definitions: readonly string[]): MessageProperties | undefined {
  const properties: MessageProperties = {};
  for (const definition of definitions) {
    const words = splitWords(definition);
    if (words[0] === "publish") words.shift();
    const [name = "", ...values] = words;
    addProperty(properties, name, values, definition);
  }
  return definitions.length > 0 ? properties : undefined;
}

function addProperty(properties: MessageProperties, name: string, values: string[], definition: string): void {
  const expected = name === "user-property" ? 2 : 1;
  if (values.length !== expected) {
    throw usageError(
      `-D "${definition}" does not name a property and its value`,
      `write -D "publish user-property NAME VALUE", or one of ${NAMES}`,
    );
  }
  const [first = "", second = ""] = values;
  const number = (max: number) => {
    const value = /^\d+$/.test(first) ? Number(first) : Number.NaN;
    if (!(value <= max)) throw usageError(`-D ${name}: "${first}" is not a whole number up to ${max}`);
    return value;
  };
  switch (name) {
    case "content-type":
      properties.contentType = first;
      return;
    case "response-topic":
      properties.responseTopic = first;
      return;
    case "correlation-data":
      properties.correlationData = Buffer.from(first);
      return;
    case "message-expiry-interval":
      properties.messageExpiryInterval = number(0xff_ff_ff_ff);
      return;
    case "payload-format-indicator":
      properties.payloadFormatIndicator = number(1);
      return;
    case "topic-alias":
      properties.topicAlias = number(0xff_ff);
      return;
    case "user-property":
      properties.userProperties = [...(properties.userProperties ?? []), [first, second]];
      return;
    default:
      throw usageError(`-D: there is no property "${name}"`, `there are ${NAMES}`);
  }
}

function splitWords(text: string): string[] {
  const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  return words.map((word) => {
    if (!/^".*"$/s.test(word)) return word;
    try {
      return JSON.parse(word) as string;
    } catch {
      return word.slice(1, -1);
    }
  });
}

/**
 * mosquitto_pub takes the words of a property as arguments of their own (`-D publish content-type text/plain`). Joins
 * them into one, so that what follows stays what it is.
 */
export function joinPropertyArguments(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    joined.push(argument);
    if (argument === "--") return [...joined, ...argv.slice(index + 1)];
    if ((argument === "-D" || argument === "--property") && argv[index + 1] === "publish") {
      const length = argv[index + 2] === "user-property" ? 4 : 3;
      const words = argv.slice(index + 1, index + 1 + length);
      joined.push(words.map((word) => JSON.stringify(word)).join(" "));
      index += words.length;
    }
  }
  return joined;
}

/**
 * For JSON: binary as base64, user properties as pairs: names may repeat, and their order says something
 * (MQTT 5.0 §3.3.2.3.7); undefined where there are none.
 */
export function propertiesToJson(properties: MessageProperties | undefined): object | undefined {
  if (!properties) return undefined;
  const json = {
    payloadFormatIndicator: properties.payloadFormatIndicator,
    messageExpiryInterval: properties.messageExpiryInterval,
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    correlationData: properties.correlationData?.toString("base64"),
    subscriptionIdentifiers: properties.subscriptionIdentifiers,
    userProperties: properties.userProperties,
  };
  return Object.values(json).some((value) => value !== undefined) ? json : undefined;
}

/**
 * The inverse of `propertiesToJson`. What only a receiver can have, such as subscription identifiers, is left out.
 * @throws {Error} with what is wrong
 */
export function propertiesFromJson(json: unknown): MessageProperties | undefined {
  if (json === undefined) return undefined;
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("properties is no JSON object");
  const source = json as Record<string, unknown>;
  const properties: MessageProperties = {};
  const take = (name: keyof MessageProperties, check: (value: unknown) => boolean, what: string) => {
    const value = source[name];
    if (value === undefined) return;
    if (!check(value)) throw new Error(`properties.${name} is ${what}`);
    Object.assign(properties, { [name]: name === "correlationData" ? Buffer.from(value as string, "base64") : value });
  };
  const isText = (value: unknown) => typeof value === "string";
  const isCount = (max: number) => (value: unknown) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
  take("payloadFormatIndicator", isCount(1), "0 or 1");
  take("messageExpiryInterval", isCount(0xff_ff_ff_ff), "a number of seconds");
  take("contentType", isText, "a text");
  take("responseTopic", isText, "a text");
  take("correlationData", isText, "a text in base64");
  take("userProperties", areUserProperties, "a list of pairs of texts, and not empty");
  return properties;
}

function areUserProperties(value: unknown): boolean {
  const isPair = (pair: unknown) =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string");
  return Array.isArray(value) && value.length > 0 && value.every(isPair);
}
