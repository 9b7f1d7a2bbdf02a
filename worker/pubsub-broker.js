/**
 * `env.BROKER` of a Worker that `pubsub dev` runs. workerd loads this as a wrapped binding: in the Worker's isolate, with an
 * `env` of its own. See docs/workers.md and `PubSubBroker` in index.d.ts.
 */
import { encodeFrame } from "./pubsub-frames.js";

/** Of one call to the broker; what is published at once beyond it takes several, one after the other. */
const CALL_MESSAGES_MAX = 1000;
const CALL_BYTES_MAX = 1024 * 1024;

/** Whether a number or a text is one that MQTT has is for the broker to say. */
const OPTION_TYPES = {
  payloadFormatIndicator: "number",
  contentType: "string",
  responseTopic: "string",
  messageExpiryInterval: "number",
};

const encoder = new TextEncoder();

/** What the broker did not take. */
class PublishError extends Error {
  name = "PublishError";

  constructor(topic, { reasonCode, reason }) {
    const code = reasonCode.toString(16).toUpperCase().padStart(2, "0");
    super(`the broker did not take the message on ${JSON.stringify(topic)}: ${reason} (0x${code})`);
    this.reasonCode = reasonCode;
  }
}

class Broker {
  #env;
  #hops;
  /** What is published before the code that runs now gives way: it goes in one call. */
  #collected = [];

  constructor(env, hops) {
    this.#env = env;
    this.#hops = hops;
  }

  /** Resolves once the broker has taken the message over. */
  async publish(topic, payload, options = {}) {
    const outgoing = toOutgoing(topic, payload, options);
    const outcome = await new Promise((resolve, reject) => {
      if (this.#collected.push({ ...outgoing, resolve, reject }) === 1) queueMicrotask(() => void this.#flush());
    });
    if (outcome.reasonCode >= 0x80) throw new PublishError(topic, outcome);
    return outcome;
  }

  /** For the code around a Worker: the same one, for what messages lead to that have as many hops as `count` says then. */
  [Symbol.for("pubsub-cli:hops")](hops) {
    return new Broker(this.#env, hops);
  }

  async #flush() {
    const collected = this.#collected;
    this.#collected = [];
    while (collected.length > 0) {
      let bytes = 0;
      let count = 0;
      do bytes += collected[count++].bytes.length;
      while (count < collected.length && count < CALL_MESSAGES_MAX && bytes < CALL_BYTES_MAX);
      await this.#call(collected.splice(0, count));
    }
  }

  async #call(messages) {
    const { HOST, SECRET, WORKER } = this.#env;
    try {
      const response = await HOST.fetch("http://broker/publish", {
        method: "POST",
        headers: { "x-pubsub-secret": SECRET, "x-pubsub-worker": WORKER, "x-pubsub-hops": String(this.#hops.count) },
        body: encodeFrame(
          messages.map(({ head }) => head),
          messages.map(({ bytes }) => bytes),
        ),
      });
      if (response.status !== 200) throw new Error(`the broker cannot be reached: ${await response.text()}`);
      const outcomes = await response.json();
      for (const [index, { resolve }] of messages.entries()) resolve(outcomes[index]);
    } catch (error) {
      for (const { reject } of messages) reject(error);
    }
  }
}

/** @throws {TypeError} */
function toOutgoing(topic, payload, options) {
  if (typeof topic !== "string") throw new TypeError(`publish: the topic is ${kindOf(topic)}, not a string`);
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`publish: the options are ${kindOf(options)}, not an object`);
  }
  const { qos = 1, retain = false, hook = false } = options;
  if (![0, 1, 2].includes(qos)) throw new TypeError("publish: qos is not 0, 1 or 2");
  for (const [name, type] of Object.entries(OPTION_TYPES)) {
    const value = options[name];
    if (value !== undefined && typeof value !== type) throw new TypeError(`publish: ${name} is ${kindOf(value)}`);
  }
  const isText = typeof payload === "string";
  const bytes = bytesOf(payload);
  const isJson = bytes === undefined;
  const properties = {
    payloadFormatIndicator: options.payloadFormatIndicator ?? (isText || isJson ? 1 : undefined),
    contentType: options.contentType ?? (isJson ? "application/json" : undefined),
    responseTopic: options.responseTopic,
    correlationData: correlationOf(options.correlationData),
    userProperties: userPropertiesOf(options.userProperties),
    messageExpiryInterval: options.messageExpiryInterval,
  };
  const all = bytes ?? jsonOf(payload);
  const head = { topic, qos, retain: Boolean(retain), hook: Boolean(hook), length: all.length, properties };
  // A view of what the caller may change before the call leaves.
  return { head, bytes: bytes === undefined || isText ? all : all.slice() };
}

/** undefined where it is a value for JSON. */
function bytesOf(payload) {
  if (typeof payload === "string") return encoder.encode(payload);
  if (payload instanceof ArrayBuffer) return new Uint8Array(payload);
  if (ArrayBuffer.isView(payload)) return new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
  return undefined;
}

function jsonOf(payload) {
  if (typeof payload !== "object" || payload === null) {
    throw new TypeError(`publish: the payload is ${kindOf(payload)}, not a string, bytes or an object`);
  }
  return encoder.encode(JSON.stringify(payload));
}

/** In base64. */
function correlationOf(value) {
  if (value === undefined) return undefined;
  const bytes = bytesOf(value);
  if (bytes === undefined) throw new TypeError("publish: correlationData is neither bytes nor a string");
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Pairs; a name may come several times. */
function userPropertiesOf(value) {
  if (value === undefined) return undefined;
  const pairs = Array.isArray(value) ? value : Object.entries(value ?? {});
  for (const pair of pairs) {
    const [name, text] = Array.isArray(pair) ? pair : [];
    if (typeof name !== "string" || typeof text !== "string") {
      throw new TypeError("publish: userProperties are an object of strings, or an array of pairs of strings");
    }
  }
  return pairs.length === 0 ? undefined : pairs;
}

function kindOf(value) {
  return value === null ? "null" : value === undefined ? "missing" : `a ${typeof value}`;
}

export default function createBroker(env) {
  return new Broker(env, { count: 0 });
}
