/** Recorded messages as lines of JSON: what `record` and `sub --json` write, and `mosquitto_sub -F %j` or `%J`. */
import { createReadStream } from "node:fs";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { unreadable } from "../settings/secrets.ts";
import { splitLines } from "./lines.ts";
import { type MessageDefaults, type OutgoingMessage, messageOf, parseLine } from "./outgoing-message.ts";
import { PAYLOAD_BYTES_MAX } from "./publish-source.ts";

export interface RecordedMessage extends OutgoingMessage {
  /** On the recording's clock, which may begin anywhere; undefined where the line says nothing of it. */
  atMs: number | undefined;
  /** Counts from 1. */
  line: number;
  /** The line's object, with everything that it says besides. */
  source: Readonly<Record<string, unknown>>;
}

/** A payload as text takes up to six bytes a character in JSON, with some for the rest. */
const LINE_BYTES_MAX = Math.min(PAYLOAD_BYTES_MAX * 6, 2 ** 29);
const DEFAULTS: MessageDefaults = { topic: undefined, options: { qos: 0, retain: false, properties: undefined } };

/**
 * The messages of a file, or of standard input where it is `-`, in groups as they are read. Empty lines count and mean nothing.
 * @throws {UserError} `usage` with the number of the line that cannot be read, `file-unreadable`
 */
export async function* readRecording(
  { stdin, signal }: CommandContext,
  file: string,
): AsyncGenerator<RecordedMessage[]> {
  const isStdin = file === "-";
  const input = isStdin ? stdin : createReadStream(file, { signal });
  const name = isStdin ? "standard input" : file;
  let number = 0;
  try {
    for await (const lines of splitLines(input, LINE_BYTES_MAX)) {
      const messages: RecordedMessage[] = [];
      try {
        for (const line of lines) {
          number++;
          if (line.length > 0 && !isBlank(line)) messages.push(parseRecordedLine(line, name, number));
        }
      } catch (error) {
        // Those before the line that is wrong count.
        yield messages;
        throw error;
      }
      yield messages;
    }
  } catch (error) {
    if (error instanceof RangeError) throw usageError(`${name}, line ${number + 1}: ${error.message}`);
    if (!isStdin && (error as NodeJS.ErrnoException).syscall !== undefined) throw unreadable(file, error);
    throw error;
  }
}

function isBlank(line: Buffer): boolean {
  return line.length < 8 && line.toString("latin1").trim() === "";
}

/** @throws {UserError} `usage` */
export function parseRecordedLine(line: Buffer, file: string, number: number): RecordedMessage {
  const where = `${file}, line ${number}`;
  const source = parseLine(line, where);
  const object = "tst" in source ? fromMosquitto(source) : source;
  return { ...messageOf(object, DEFAULTS, where), atMs: timeOf(source, where), line: number, source: object };
}

/** `time` and `tst` are RFC 3339, `offset` is seconds since whenever the recording began. */
function timeOf({ time, tst, offset }: Record<string, unknown>, where: string): number | undefined {
  if (offset !== undefined) {
    if (typeof offset === "number" && offset >= 0) return offset * 1000;
    throw usageError(`${where}: offset is a number of seconds`);
  }
  const text = time ?? tst;
  if (text === undefined) return undefined;
  const at = typeof text === "string" ? Date.parse(standardTime(text)) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw usageError(
    `${where}: ${JSON.stringify(text)} is not a time`,
    "a time is such as 2026-11-20T12:00:00.000Z; or write offset, in seconds",
  );
}

/** mosquitto writes `2026-11-20T13:00:00.123456+0100`, and before 2.1 `….123456Z+0100`. */
function standardTime(text: string): string {
  return text.replace(/(\.\d{3})\d+/, "$1").replace(/Z?([+-]\d\d)(\d\d)$/, "$1:$2");
}

const MOSQUITTO_PROPERTIES: readonly (readonly [theirs: string, ours: string])[] = [
  ["content-type", "contentType"],
  ["message-expiry-interval", "messageExpiryInterval"],
  ["payload-format-indicator", "payloadFormatIndicator"],
  ["response-topic", "responseTopic"],
];

/** What mosquitto_sub says, in our words. Of several user properties with one name it prints one. */
function fromMosquitto(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { topic, payload, qos, retain, properties } = source;
  return {
    topic,
    payload,
    qos,
    retain: retain === 0 || retain === 1 ? retain === 1 : retain,
    ...(isObject(properties) && { properties: propertiesFromMosquitto(properties) }),
  };
}

function propertiesFromMosquitto(theirs: Record<string, unknown>): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [name, own] of MOSQUITTO_PROPERTIES) if (name in theirs) properties[own] = theirs[name];
  const { "correlation-data": correlation, "user-properties": user } = theirs;
  if (typeof correlation === "string") properties["correlationData"] = Buffer.from(correlation).toString("base64");
  if (isObject(user) && Object.keys(user).length > 0) properties["userProperties"] = Object.entries(user);
  return properties;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
