/**
 * How messages travel between the broker and a Worker beside it: the length of some JSON (four bytes, big-endian), the JSON,
 * then all payloads, one behind the other. The JSON says how long they are.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * @param {unknown} header
 * @param {readonly Uint8Array[]} payloads
 * @returns {Uint8Array}
 */
export function encodeFrame(header, payloads) {
  const json = encoder.encode(JSON.stringify(header));
  let bytes = 4 + json.length;
  for (const payload of payloads) bytes += payload.length;
  const frame = new Uint8Array(bytes);
  new DataView(frame.buffer).setUint32(0, json.length);
  frame.set(json, 4);
  let at = 4 + json.length;
  for (const payload of payloads) {
    frame.set(payload, at);
    at += payload.length;
  }
  return frame;
}

/**
 * @param {ArrayBuffer} frame
 * @returns {{ header: any, payloads: Uint8Array }}
 */
export function decodeFrame(frame) {
  const length = new DataView(frame).getUint32(0);
  const header = JSON.parse(decoder.decode(new Uint8Array(frame, 4, length)));
  return { header, payloads: new Uint8Array(frame, 4 + length) };
}
