/**
 * A dataset of Analytics Engine in `env` of a Worker that `pubsub dev` runs. workerd loads this as a wrapped binding: in the
 * Worker's isolate, with an `env` of its own. Points go to pubsub-points.js. See docs/analytics.md.
 */
import workers from "cloudflare-internal:workers";

/** As Analytics Engine has them. */
const INDEXES_MAX = 1;
const INDEX_BYTES_MAX = 96;
const MEMBERS_MAX = 20;
const BLOBS_BYTES_MAX = 16 * 1024;
const INVOCATION_POINTS_MAX = 25;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

class Dataset {
  #env;
  #invocation;
  /** What is written before the code that runs now gives way: it goes in one call. */
  #collected = { points: [], remarks: [] };

  constructor(env, invocation) {
    this.#env = env;
    this.#invocation = invocation;
  }

  /**
   * Returns at once. Today's form is `{ indexes, blobs, doubles }`, that of 2022 `{ labels, metrics }`.
   * @throws {TypeError} where the runtime of Cloudflare throws one
   */
  writeDataPoint(event = {}) {
    const { BINDING: binding, DATASET: dataset } = this.#env;
    const { indexes = [], blobs = event.labels ?? [], doubles = event.metrics ?? [] } = event;
    const point = {
      dataset,
      timestamp: Math.floor(Date.now() / 1000),
      index: indexOf(indexes),
      blobs: blobsOf(blobs),
      doubles: doublesOf(doubles),
    };
    if (++this.#invocation.points > INVOCATION_POINTS_MAX) {
      this.#collect(
        "remarks",
        `env.${binding}.writeDataPoint: more than ${INVOCATION_POINTS_MAX} points in one invocation; the others are not kept`,
      );
    } else this.#collect("points", point);
  }

  /** For the code around a Worker: the same one for one invocation, in which all datasets together count. */
  [Symbol.for("pubsub-cli:invocation")](invocation) {
    return new Dataset(this.#env, invocation);
  }

  #collect(kind, item) {
    const { points, remarks } = this.#collected;
    this.#collected[kind].push(item);
    if (points.length + remarks.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush() {
    const body = JSON.stringify(this.#collected);
    this.#collected = { points: [], remarks: [] };
    // The Worker may be done before the points are there.
    workers.waitUntil(this.#env.POINTS.fetch("http://points/", { method: "POST", body }));
  }
}

function fail(text) {
  throw new TypeError(`writeDataPoint(): ${text}`);
}

function textOf(value) {
  if (value === null || value === undefined) return "";
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return decoder.decode(value);
  return String(value);
}

function indexOf(indexes) {
  if (indexes.length > INDEXES_MAX) fail(`Maximum of ${INDEXES_MAX} indexes supported.`);
  const index = textOf(indexes[0]);
  if (encoder.encode(index).length > INDEX_BYTES_MAX) {
    fail(`Size of indexes[0] exceeds ${INDEX_BYTES_MAX} bytes.`);
  }
  return index;
}

function blobsOf(blobs) {
  if (blobs.length > MEMBERS_MAX) fail(`Maximum of ${MEMBERS_MAX} blobs supported.`);
  const texts = Array.from(blobs, textOf);
  const bytes = texts.reduce((sum, text) => sum + encoder.encode(text).length, 0);
  if (bytes > BLOBS_BYTES_MAX) fail(`Cumulative size of blobs exceeds ${BLOBS_BYTES_MAX} bytes.`);
  return texts;
}

/** JSON has no numbers for NaN and infinity: they go as texts. */
function doublesOf(doubles) {
  if (doubles.length > MEMBERS_MAX) fail(`Maximum of ${MEMBERS_MAX} doubles supported.`);
  return Array.from(doubles, (value) => {
    const number = Number(value);
    return Number.isFinite(number) ? number : String(number);
  });
}

export default function makeBinding(env) {
  return new Dataset(env, { points: -Infinity });
}
