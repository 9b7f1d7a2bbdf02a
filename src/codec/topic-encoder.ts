/**
 * Topic Names of PUBLISH to bytes. A message that fans out is encoded once for each subscriber, and
 * publishers repeat themselves: the last name is remembered, so that the length is counted once for
 * `encodedLength` and `encodeInto` together, and a repeated name becomes one copy of bytes.
 */
import { stringLength, writeString } from "./utf8.ts";

let lastText = "";
let lastLength = 0;
let repetitions = 0;
/** Length prefix and text; undefined until the name was repeated. */
let lastBytes: Uint8Array | undefined;

/** Saving the bytes costs about what it saves once. */
const REPETITIONS_BEFORE_SAVING = 2;

/**
 * Bytes of the name without its length prefix.
 * @throws TypeError or RangeError where the name cannot be encoded
 */
export function topicLength(topic: string): number {
  if (topic === lastText) return lastLength;
  lastLength = stringLength(topic, "topic");
  lastText = topic;
  repetitions = 0;
  lastBytes = undefined;
  return lastLength;
}

/**
 * Writes the length prefix and the name, which `topicLength` has accepted.
 * @returns the offset after it
 */
export function writeTopic(target: Buffer, offset: number, topic: string): number {
  if (topic !== lastText) return writeString(target, offset, topic);
  if (lastBytes !== undefined) {
    target.set(lastBytes, offset);
    return offset + lastBytes.length;
  }
  const end = writeString(target, offset, topic);
  if (++repetitions > REPETITIONS_BEFORE_SAVING) lastBytes = Uint8Array.prototype.slice.call(target, offset, end);
  return end;
}
