/** The format strings of `sub -F`: mosquitto_sub's, letter by letter (mosquitto_sub(1), "OUTPUT FORMAT"). */
import { usageError } from "../errors.ts";
import type { ReceivedMessage } from "./received-message.ts";
import { timeConversion, zoneOffset } from "./strftime.ts";

type Part = (message: ReceivedMessage) => string | Buffer;

/** Prints one message; bytes, because a payload need not be text. */
export type MessageFormat = (message: ReceivedMessage) => Buffer;

interface Field {
  value: Part;
  /** A number, which the flag 0 pads with zeros. */
  numeric?: true;
  /** Takes flags and width, as `%10t`. */
  sized?: true;
  /** Takes a maximum width, as `%.5t`. */
  cut?: true;
}

const optional = (value: string | number | undefined): string => (value === undefined ? "" : String(value));

const fields: Readonly<Record<string, Field>> = {
  A: { value: ({ properties }) => optional(properties?.topicAlias), sized: true, numeric: true },
  C: { value: ({ properties }) => optional(properties?.contentType), sized: true, cut: true },
  D: { value: ({ properties }) => properties?.correlationData ?? "" },
  E: { value: ({ properties }) => optional(properties?.messageExpiryInterval), sized: true, numeric: true },
  F: { value: (message) => optional(message.properties?.payloadFormatIndicator), sized: true, numeric: true },
  I: { value: ({ time }) => isoTime(time), sized: true, cut: true },
  j: { value: (message) => JSON.stringify({ ...messageJson(message), payload: message.payload.toString() }) },
  J: { value: embeddedJson },
  l: { value: ({ payload }) => String(payload.length), sized: true, numeric: true },
  m: { value: ({ messageId }) => String(messageId ?? 0), sized: true, numeric: true },
  p: { value: ({ payload }) => payload, sized: true },
  P: {
    value: ({ properties }) => (properties?.userProperties ?? []).map(([name, value]) => `${name}:${value}`).join(" "),
  },
  q: { value: ({ qos }) => String(qos) },
  R: { value: ({ properties }) => optional(properties?.responseTopic), sized: true, cut: true },
  r: { value: ({ retain }) => (retain ? "1" : "0") },
  S: {
    value: ({ properties }) => (properties?.subscriptionIdentifiers ?? []).join(" "),
    sized: true,
    numeric: true,
  },
  t: { value: ({ topic }) => topic, sized: true, cut: true },
  U: { value: ({ time }) => `${Math.floor(time.getTime() / 1000)}.${timeConversion("N")!(time)}` },
  x: { value: ({ payload }) => payload.toString("hex"), sized: true, numeric: true },
  X: { value: ({ payload }) => payload.toString("hex").toUpperCase(), sized: true, numeric: true },
};

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\",
  "0": "\0",
  a: "\u0007",
  e: "\u001b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** @throws {UserError} `usage` where the format has a sequence that does not exist */
export function compileFormat(format: string): MessageFormat {
  const parts: Part[] = [];
  const sequence =
    /%(?<flags>[-0]*)(?<width>\d*)(?:\.(?<precision>\d+))?(?<letter>[%A-Za-z])|@(?<time>[\s\S])|\\(?<escape>[\s\S])|(?<text>[^%@\\]+)|(?<wrong>[\s\S])/g;
  for (const match of format.matchAll(sequence)) {
    const { flags = "", width = "", precision, letter, time, escape, text, wrong } = match.groups!;
    if (text !== undefined) parts.push(() => text);
    else if (letter === "%" || time === "@") parts.push(() => match[0].slice(0, 1));
    else if (letter !== undefined) parts.push(fieldPart(match[0], letter, flags, Number(width), precision));
    else if (time !== undefined) parts.push(timePart(time));
    else if (escape !== undefined) parts.push(escapePart(escape));
    else throw wrongSequence(wrong ?? match[0]);
  }
  return (message) => Buffer.concat(parts.map((part) => asBuffer(part(message))));
}

const asBuffer = (value: string | Buffer) => (typeof value === "string" ? Buffer.from(value) : value);

function wrongSequence(sequence: string) {
  return usageError(`the format has "${sequence}", which stands for nothing`, "`pubsub sub --help` lists what does");
}

function fieldPart(
  sequence: string,
  letter: string,
  flags: string,
  width: number,
  precision: string | undefined,
): Part {
  const field = Object.hasOwn(fields, letter) ? fields[letter] : undefined;
  const plain = flags === "" && width === 0 && precision === undefined;
  if (!field || (!plain && !field.sized) || (precision !== undefined && !field.cut)) throw wrongSequence(sequence);
  if (plain) return field.value;
  const left = flags.includes("-");
  const padding = field.numeric && flags.includes("0") && !left ? "0" : " ";
  return (message) => {
    const value = asBuffer(field.value(message));
    const bytes =
      precision === undefined ? value : Buffer.from(Array.from(value.toString()).slice(0, Number(precision)).join(""));
    const missing = Buffer.alloc(Math.max(0, width - bytes.length), padding);
    return Buffer.concat(left ? [bytes, missing] : [missing, bytes]);
  };
}

function timePart(letter: string): Part {
  const convert = timeConversion(letter);
  if (!convert) throw wrongSequence(`@${letter}`);
  return ({ time }) => convert(time);
}

function escapePart(letter: string): Part {
  const character = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
  if (character === undefined) throw wrongSequence(`\\${letter}`);
  return () => character;
}

/** `2016-08-10T09:47:38+0100` */
function isoTime(time: Date): string {
  return `${timeConversion("F")!(time)}T${timeConversion("T")!(time)}${zoneOffset(time)}`;
}

function messageJson(message: ReceivedMessage): Record<string, unknown> {
  const { time, topic, qos, retain, payload, messageId, properties } = message;
  const microseconds = `${String(time.getMilliseconds()).padStart(3, "0")}000`;
  const user = properties?.userProperties ?? [];
  const known = {
    "user-properties": user.length > 0 ? Object.fromEntries(user) : undefined,
    "content-type": properties?.contentType,
    "correlation-data": properties?.correlationData?.toString(),
    "payload-format-indicator": properties?.payloadFormatIndicator,
    "response-topic": properties?.responseTopic,
    "message-expiry-interval": properties?.messageExpiryInterval,
  };
  return {
    tst: `${isoTime(time).slice(0, 19)}.${microseconds}${zoneOffset(time)}`,
    topic,
    qos,
    retain: retain ? 1 : 0,
    payloadlen: payload.length,
    mid: qos > 0 ? messageId : undefined,
    properties: Object.values(known).some((value) => value !== undefined) ? known : undefined,
  };
}

/** The payload as part of the document; null where it is not JSON itself, so that the line stays a document. */
function embeddedJson(message: ReceivedMessage): string {
  let payload: unknown = null;
  try {
    payload = JSON.parse(message.payload.toString());
  } catch {
    // Null says that there is none.
  }
  return JSON.stringify({ ...messageJson(message), payload });
}
