/**
 * The code around a Worker that `pubsub dev` runs. It tells of exceptions before they go on: otherwise a failed request says
 * only "Internal Server Error", and a promise given to `waitUntil` fails in silence. And it turns the broker's calls into
 * those of the handlers that are ours, which workerd does not know.
 */
import { withConsole } from "./pubsub-console.js";
import { decodeFrame, encodeFrame } from "./pubsub-frames.js";

const HOPS = Symbol.for("pubsub-cli:hops");
const INVOCATION = Symbol.for("pubsub-cli:invocation");
const utf8 = new TextEncoder();

/**
 * @typedef {object} Surroundings
 * @property {string} label what people call the Worker
 * @property {string} secret which the broker's calls have
 * @property {boolean} isHook false for one that other Workers call, which may have any handlers
 * @property {string} mark what a line of the console begins with that reports an exception
 * @property {string} [binding] name of the broker in `env`
 */

/**
 * The Worker with its surroundings: what the module exports in its place.
 * @param {unknown} worker the default export of the user's module
 * @param {Surroundings} surroundings
 */
export function observe(worker, surroundings) {
  const { label } = surroundings;
  if (worker === undefined) {
    throw new Error(`${label} has no default export: a Worker is a module with export default { pubsub } or { fetch }`);
  }
  const report = reporter(surroundings);
  addEventListener("unhandledrejection", (event) => {
    report(event.reason);
    event.preventDefault();
  });
  return typeof worker === "function"
    ? observeClass(worker, surroundings, report)
    : observeObject(worker, surroundings, report);
}

function observeObject(worker, surroundings, report) {
  requireHandler(worker, surroundings);
  const handlers = {
    fetch: (request, env, context) => {
      watch(context, report);
      const scope = inScope(env, hopsOf(request), surroundings);
      const handle = (name) =>
        typeof worker[name] === "function" ? (input) => worker[name](input, scope, context) : undefined;
      return forBroker(request, () => answer(request, handle, surroundings, report));
    },
  };
  for (const name of ["scheduled", "queue", "email", "tail", "trace", "test"]) {
    if (typeof worker[name] !== "function") continue;
    handlers[name] = (input, env, context) => reporting(() => worker[name](input, env, watch(context, report)), report);
  }
  return handlers;
}

function observeClass(worker, surroundings, report) {
  requireHandler(worker.prototype, surroundings);
  return class extends worker {
    #hops;

    constructor(context, env) {
      const hops = { count: 0 };
      super(watch(context, report), inScope(env, hops, surroundings));
      this.#hops = hops;
    }

    async fetch(request) {
      this.#hops.count = hopsOf(request).count;
      const handle = (name) => (typeof super[name] === "function" ? (input) => super[name](input) : undefined);
      return await forBroker(request, () => answer(request, handle, surroundings, report));
    }
  };
}

function requireHandler(worker, { label, isHook }) {
  if (isHook && ![...HANDLERS, "scheduled", "queue"].some((name) => typeof worker[name] === "function")) {
    throw new Error(`${label} has no handler: no pubsub, subscribe, fetch, scheduled or queue`);
  }
}

/** Those that the broker calls. */
const HANDLERS = ["pubsub", "subscribe", "fetch"];

/**
 * @param {(name: string) => ((input: unknown) => unknown) | undefined} handle the Worker's handler of this name
 */
async function answer(request, handle, { label, secret }, report) {
  const call = request.headers.get("x-pubsub-call");
  try {
    if (call !== null && request.headers.get("x-pubsub-secret") === secret) {
      if (call === "handlers") return Response.json(HANDLERS.filter((name) => handle(name) !== undefined));
      const handler = handle(call);
      return call === "subscribe" ? await deliver(request, handler, report) : await decide(request, handler, label);
    }
    const fetch = handle("fetch");
    return fetch === undefined ? new Response("only for its broker", { status: 403 }) : await fetch(request);
  } catch (error) {
    report(error);
    return new Response(`exception: ${error instanceof Error ? error.message : String(error)}`, { status: 500 });
  }
}

/** The broker asks which messages are to be delivered. */
async function decide(request, pubsub, label) {
  const { header, payloads } = decodeFrame(await request.arrayBuffer());
  let at = 0;
  const messages = header.messages.map(({ length, ...message }, mid) => ({
    mid,
    broker: header.broker,
    contentType: null,
    payloadFormatIndicator: 0,
    ...message,
    // A copy, of which the handler may use the buffer, too.
    payload: payloads.slice(at, (at += length)),
  }));
  const passed = await pubsub(messages);
  if (!Array.isArray(passed)) throw new TypeError(`${label}: pubsub returned no array of messages to deliver`);
  const bytes = passed.map(({ payload }) => bytesOf(payload, label));
  const isSame =
    passed.length === messages.length && passed.every((message, mid) => isUnchanged(message, mid, bytes[mid], header));
  return new Response(
    encodeFrame(
      isSame ? null : passed.map((message, index) => changeOf(message, bytes[index], header.messages)),
      bytes.filter((each) => each !== undefined),
    ),
  );
}

/** Messages for a consumer: those that the handler is done with are settled, the others come again. */
async function deliver(request, subscribe, report) {
  const { header, payloads } = decodeFrame(await request.arrayBuffer());
  const acknowledged = new Set();
  const retries = new Map();
  let at = 0;
  const messages = header.messages.map(
    ({ length, ...message }, index) =>
      new Delivery(header.consumer, message, payloads.slice(at, (at += length)), {
        acknowledge: () => !retries.has(index) && acknowledged.add(index),
        retry: (delay = null) => !acknowledged.has(index) && retries.set(index, delay),
      }),
  );
  let failure;
  try {
    await subscribe(messages);
  } catch (error) {
    report(error);
    failure = error instanceof Error ? error.message : String(error);
  }
  return Response.json({ failure, acknowledged: [...acknowledged], retries: [...retries] });
}

/** See `PubSubDelivery` in index.d.ts. */
class Delivery {
  #settle;

  constructor(consumer, { correlationData, ...message }, payload, settle) {
    Object.assign(this, { consumer, contentType: null, payloadFormatIndicator: 0, userProperties: [] }, message);
    if (correlationData !== undefined) {
      this.correlationData = Uint8Array.from(atob(correlationData), (character) => character.charCodeAt(0));
    }
    this.payload = payload;
    this.#settle = settle;
  }

  text() {
    return new TextDecoder().decode(this.payload);
  }

  json() {
    return JSON.parse(this.text());
  }

  ack() {
    this.#settle.acknowledge();
  }

  retry({ delaySeconds } = {}) {
    this.#settle.retry(delaySeconds);
  }
}

/** What is as it was is left out. */
function changeOf({ mid, topic, contentType, payloadFormatIndicator }, bytes, messages) {
  const before = messages[mid] ?? {};
  return {
    mid,
    topic: topic === before.topic ? undefined : topic,
    contentType: contentType === (before.contentType ?? null) ? undefined : contentType,
    payloadFormatIndicator:
      payloadFormatIndicator === (before.payloadFormatIndicator ?? 0) ? undefined : payloadFormatIndicator,
    length: bytes?.length,
  };
}

/** Nothing but the payload's bytes may differ: those are for the broker to compare. */
function isUnchanged({ mid, topic, contentType, payloadFormatIndicator }, index, bytes, { messages }) {
  const before = messages[index];
  return (
    mid === index &&
    topic === before.topic &&
    contentType === (before.contentType ?? null) &&
    payloadFormatIndicator === (before.payloadFormatIndicator ?? 0) &&
    bytes?.length === before.length
  );
}

/** undefined where the message is to keep its payload. */
function bytesOf(payload, label) {
  if (payload === undefined || payload instanceof Uint8Array) return payload;
  if (typeof payload === "string") return utf8.encode(payload);
  throw new TypeError(`${label}: pubsub returned a message with a payload that is neither Uint8Array nor string`);
}

/** The broker is told what was said while its batch was decided about. */
function forBroker(request, answer) {
  return isFromBroker(request) ? withConsole(answer) : answer();
}

function isFromBroker({ headers }) {
  return headers.has("x-pubsub-call") || headers.has("x-signature-ed25519");
}

/** What messages that this request leads to are: one hop further than those that it brought. */
function hopsOf(request) {
  return { count: isFromBroker(request) ? Number(request.headers.get("x-pubsub-hops") ?? 0) + 1 : 0 };
}

/** `env` with a broker that knows how many hops its messages have, and datasets that count what one invocation writes. */
function inScope(env, hops, { binding }) {
  const invocation = { points: 0 };
  const own = {};
  for (const [name, value] of Object.entries(env)) {
    if (typeof value?.[INVOCATION] === "function") own[name] = value[INVOCATION](invocation);
  }
  const broker = binding === undefined ? undefined : env[binding];
  if (broker?.[HOPS] !== undefined) own[binding] = broker[HOPS](hops);
  return { ...env, ...own };
}

function reporter({ mark }) {
  return (error) => {
    const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    // The console is the way out of workerd.
    // oxlint-disable-next-line no-console
    console.error(mark + text);
  };
}

async function reporting(run, report) {
  try {
    return await run();
  } catch (error) {
    report(error);
    throw error;
  }
}

function watch(context, report) {
  if (context === undefined || typeof context.waitUntil !== "function") return context;
  const waitUntil = context.waitUntil.bind(context);
  Object.defineProperty(context, "waitUntil", {
    configurable: true,
    value: (promise) => waitUntil(Promise.resolve(promise).catch(report)),
  });
  return context;
}
