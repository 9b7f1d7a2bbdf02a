/** From a message's payload and properties to their public JSON (contract/content.ts). */
import { isUtf8 } from "node:buffer";
import type { Message } from "../broker/ports.ts";
import type { Content } from "../contract/types.ts";

/** @param payloadBytesMax of a longer payload only its beginning is shown */
export function contentOf(
  { payload, properties }: Pick<Message, "payload" | "properties">,
  payloadBytesMax: number,
): Content {
  const isTruncated = payload.length > payloadBytesMax;
  const shown = isTruncated ? payload.subarray(0, payloadBytesMax) : payload;
  const text = isTruncated ? withoutPartialCharacter(shown) : shown;
  const isText = isUtf8(text);
  return {
    payload: isText ? text.toString("utf8") : shown.toString("base64"),
    payloadEncoding: isText ? "utf8" : "base64",
    payloadBytes: payload.length,
    ...(isTruncated && { payloadTruncated: true }),
    ...(properties !== undefined && { properties: publicProperties(properties) }),
  };
}

/** Takes away what was left of a UTF-8 sequence (RFC 3629 §3) when bytes were cut after it began. */
function withoutPartialCharacter(bytes: Buffer): Buffer {
  for (let length = 1; length <= 3; length++) {
    const byte = bytes[bytes.length - length]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue; // Not the first byte of a sequence.
    const sequenceLength = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return sequenceLength > length ? bytes.subarray(0, bytes.length - length) : bytes;
  }
  return bytes;
}

/** Only those that the contract names, in its order. */
function publicProperties(properties: NonNullable<Message["properties"]>): NonNullable<Content["properties"]> {
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic } = properties;
  const { correlationData, userProperties } = properties;
  return {
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator }),
    ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData: correlationData.toString("base64") }),
    ...(userProperties !== undefined && { userProperties: userProperties.map(([name, value]) => [name, value]) }),
  };
}
