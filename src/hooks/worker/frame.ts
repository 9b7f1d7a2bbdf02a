/** How messages travel between the broker and a Worker beside it; worker/pubsub-frames.js is the other end. */

const PREFIX_BYTES = 4;

/** The length of the JSON, the JSON, and all payloads, one behind the other: the header says how long they are. */
export function encodeFrame(header: unknown, payloads: readonly Uint8Array[]): Buffer {
  const json = JSON.stringify(header);
  let payloadBytes = 0;
  for (const payload of payloads) payloadBytes += payload.length;
  // Three bytes at most for a UTF-16 unit.
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + json.length * 3 + payloadBytes);
  const jsonBytes = frame.write(json, PREFIX_BYTES, "utf8");
  frame.writeUInt32BE(jsonBytes, 0);
  let at = PREFIX_BYTES + jsonBytes;
  for (const payload of payloads) {
    frame.set(payload, at);
    at += payload.length;
  }
  return frame.subarray(0, at);
}

/** @throws Error where it is no frame */
export function decodeFrame(frame: Buffer): { header: unknown; payloads: Buffer } {
  const end = PREFIX_BYTES + frame.readUInt32BE(0);
  return { header: JSON.parse(frame.toString("utf8", PREFIX_BYTES, end)), payloads: frame.subarray(end) };
}
