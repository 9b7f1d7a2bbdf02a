/** From the body of a hook's answer to a verdict for each message, by the rules of Cloudflare Pub/Sub. */
import { isUtf8 } from "node:buffer";
import type { Properties } from "../codec/index.ts";
import type { HookDropReason, Message, Verdict } from "../broker/ports.ts";
import { formatIndicatorOf } from "./request-body.ts";

export const ACCEPT: Verdict = { kind: "accept" };

/** One element of the answer. Whatever a hook wrote. */
export type Answered = Record<string, unknown>;

export function drop(reason: HookDropReason, detail?: string): Verdict {
  return detail === undefined ? { kind: "drop", reason } : { kind: "drop", reason, detail };
}

/**
 * Reads the body of an answer with status 200. A message is delivered if the array has an element with its `mid`; the
 * first one counts. Members that are left out stay as they were. `broker`, `clientId`, `jti` and `receivedAt` are not read.
 */
export function readAnswer(batch: readonly Message[], body: Buffer): Verdict[] {
  const answer = parse(body);
  if (typeof answer === "string") return batch.map(() => drop("hook-invalid-answer", answer));
  return verdictsOf(batch, answer);
}

/** The same for an answer that was read already: a payload may be bytes, too. */
export function verdictsOf(batch: readonly Message[], answer: readonly Answered[]): Verdict[] {
  const byMid: (Answered | undefined)[] = Array.from({ length: batch.length });
  let strangers = 0;
  for (const answered of answer) {
    const { mid } = answered;
    if (typeof mid !== "number" || !(mid in batch)) strangers++;
    else byMid[mid] ??= answered;
  }
  const missing = drop(
    "hook-dropped",
    strangers > 0 ? `the answer has ${strangers} message(s) with a missing or unknown mid` : undefined,
  );
  return batch.map((message, mid) => {
    const answered = byMid[mid];
    return answered === undefined ? missing : readMessage(message, answered);
  });
}

/** The elements, or what is wrong with the body. */
function parse(body: Buffer): Answered[] | string {
  if (!isUtf8(body)) return "the answer is not UTF-8";
  let value: unknown;
  try {
    // The byte order mark is no JSON, but Response.json() and the like skip it too.
    value = JSON.parse(body.toString("utf8").replace(/^\uFEFF/, ""));
  } catch {
    return body.length === 0 ? "the answer is empty" : `the answer is not JSON: ${excerpt(body)}`;
  }
  if (!Array.isArray(value)) return `the answer is ${kindOf(value)}, not an array: ${excerpt(body)}`;
  const odd = (value as unknown[]).find((element) => !isObject(element));
  if (odd !== undefined) return `the answer's array has ${kindOf(odd)} in it`;
  return value as Answered[];
}

function readMessage(message: Message, answered: Answered): Verdict {
  const { topic } = answered;
  if (topic !== undefined && topic !== message.topic) {
    return drop("hook-changed-topic", typeof topic === "string" ? `to ${JSON.stringify(clip(topic))}` : undefined);
  }
  const payload = readPayload(message, answered["payload"]);
  if (typeof payload === "string") return drop("hook-invalid-message", payload);
  const properties = readProperties(message, answered, payload);
  if (typeof properties === "string") return drop("hook-invalid-message", properties);
  if (payload === message.payload && properties === message.properties) return ACCEPT;
  return { kind: "replace", payload, properties };
}

/** The payload (the message's own one if it is the same), or what is wrong with it. */
function readPayload(message: Message, value: unknown): Buffer | string {
  if (value === undefined) return message.payload;
  let payload: Buffer;
  if (typeof value === "string") {
    if (!isWellFormed(value)) return "the payload has an unpaired surrogate, which UTF-8 has not";
    payload = Buffer.from(value, "utf8");
  } else if (Buffer.isBuffer(value)) {
    payload = value;
  } else if (Array.isArray(value)) {
    payload = Buffer.allocUnsafe(value.length);
    for (let index = 0; index < value.length; index++) {
      const byte: unknown = value[index];
      if (((byte as number) & 255) !== byte) return `payload[${index}] is not a number from 0 to 255`;
      payload[index] = byte;
    }
  } else if (isObject(value) && "0" in value) {
    // What JSON.stringify makes of a Uint8Array: the mistake to expect.
    return "the payload is an object; give a Uint8Array back as Array.from(payload)";
  } else {
    return `the payload is ${kindOf(value)}, not a string or an array of bytes`;
  }
  return payload.equals(message.payload) ? message.payload : payload;
}

/** The properties (the message's own object if nothing changed), or what is wrong with them. */
function readProperties(message: Message, answered: Answered, payload: Buffer): Properties | undefined | string {
  const { contentType, payloadFormatIndicator: indicator } = answered;
  let changed: Properties | undefined;

  if (contentType !== undefined && contentType !== (message.properties?.contentType ?? null)) {
    changed = { ...message.properties };
    if (contentType === null) delete changed.contentType;
    else if (typeof contentType !== "string") return `contentType is ${kindOf(contentType)}, not a string or null`;
    // MQTT 5.0 §1.5.4: [MQTT-1.5.4-1] [MQTT-1.5.4-2], at most 65,535 bytes
    else if (contentType.includes("\0")) return "contentType contains U+0000";
    else if (!isWellFormed(contentType)) return "contentType has an unpaired surrogate";
    else if (Buffer.byteLength(contentType) > 65_535) return "contentType is longer than 65,535 bytes";
    else changed.contentType = contentType;
  }

  if (indicator !== undefined && indicator !== formatIndicatorOf(message)) {
    if (indicator !== 0 && indicator !== 1) return "payloadFormatIndicator is not 0 or 1";
    changed ??= { ...message.properties };
    changed.payloadFormatIndicator = indicator;
  }

  const { payloadFormatIndicator } = changed ?? message.properties ?? {};
  const untouched = changed === undefined && payload === message.payload;
  // Subscribers may end their connection over it (MQTT 5.0 §3.3.2.3.2, 0x99).
  if (payloadFormatIndicator === 1 && !untouched && !isUtf8(payload)) {
    return "payloadFormatIndicator is 1 but the payload is not UTF-8";
  }
  if (changed === undefined) return message.properties;
  return Object.keys(changed).length === 0 ? undefined : changed;
}

const EXCERPT_CHARACTERS = 200;
/** Four bytes at most for a character, and some for the white space that is folded. */
const EXCERPT_BYTES = 2048;

/** The beginning of a body, in one line, for people. */
export function excerpt(body: Buffer): string {
  // Control characters would reach a terminal.
  return clip(
    body
      .toString("utf8", 0, EXCERPT_BYTES)
      .replaceAll(/[\s\p{Cc}]+/gu, " ")
      .trim(),
  );
}

function clip(text: string): string {
  return text.length > EXCERPT_CHARACTERS ? `${text.slice(0, EXCERPT_CHARACTERS)}…` : text;
}

function isObject(value: unknown): value is Answered {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
