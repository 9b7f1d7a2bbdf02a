/** Calls of the handlers that are ours, in a Worker that runs here: worker/pubsub-runtime.js answers them. */
import type { Message, Verdict } from "../../broker/ports.ts";
import { ACCEPT, type Answered, excerpt, verdictsOf } from "../answer.ts";
import type { HookAnswer } from "../hook.ts";
import { HttpClient } from "../http.ts";
import { formatIndicatorOf, hopsOf } from "../request-body.ts";
import { judge } from "../webhook.ts";
import type { Attempt, Outcome } from "./consumer.ts";
import { decodeFrame, encodeFrame } from "./frame.ts";

export type HandlerName = "pubsub" | "subscribe" | "fetch";

const CONNECT_TIMEOUT_MS = 10_000;
/** Of an answer, beyond the size of the request. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

export interface WorkerCallsOptions {
  /** The Worker's own socket. */
  readonly url: string;
  /** For people. */
  readonly name: string;
  /** See `EntryOptions`. */
  readonly secret: string;
  /** `broker.namespace.domain` */
  readonly brokerHost: string;
}

/** What of a message the handler `pubsub` may change, by its place in the batch; `length` is that of the new payload. */
type Change = Answered & { readonly length?: number };

export class WorkerCalls {
  readonly #options: WorkerCallsOptions;
  readonly #http: HttpClient;

  constructor(options: WorkerCallsOptions) {
    this.#options = options;
    this.#http = new HttpClient(options.url, CONNECT_TIMEOUT_MS);
  }

  /** Which of these handlers the Worker has. Its first call, which warms it up. */
  async handlers(): Promise<readonly HandlerName[]> {
    const answer = await this.#call("handlers", Buffer.alloc(0), 0, AbortSignal.timeout(CONNECT_TIMEOUT_MS));
    if ("failure" in answer) throw answer.failure;
    if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.body.toString()}`);
    return JSON.parse(answer.body.toString()) as HandlerName[];
  }

  /** Asks the handler `pubsub` about a batch. */
  async decide(batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer> {
    const payloads = batch.map(({ payload }) => payload);
    const header = { broker: this.#options.brokerHost, messages: batch.map(headOf) };
    const frame = encodeFrame(header, payloads);
    const answer = await this.#call("pubsub", frame, hopsOf(batch), signal);
    const read = (body: Buffer) => readDecision(batch, frame, body);
    return judge(batch, answer, { read, name: this.#options.name, answerBytesMax: ANSWER_BYTES_MAX + frame.length });
  }

  /** Gives a batch to the handler `subscribe`. Never rejects: failures are outcomes too. */
  async subscribe(consumer: string, batch: readonly Attempt[], signal: AbortSignal): Promise<Outcome> {
    const failed = (failure: string, isUnreachable: boolean): Outcome => {
      return { failure, isUnreachable, acknowledged: [], retries: [] };
    };
    const messages = batch.map(({ message }) => message);
    const header = { consumer, messages: batch.map(deliveryOf) };
    const frame = encodeFrame(
      header,
      messages.map(({ payload }) => payload),
    );
    try {
      const answer = await this.#call("subscribe", frame, hopsOf(messages), signal);
      if ("failure" in answer) return failed(answer.failure.message, true);
      if (answer.status !== 200) return failed(`HTTP ${answer.status}: ${excerpt(answer.body)}`, false);
      return JSON.parse(answer.body.toString()) as Outcome;
    } catch (error) {
      return failed(signal.aborted ? "no answer in time" : (error as Error).message, false);
    }
  }

  async close(): Promise<void> {
    await this.#http.close();
  }

  async #call(name: string, frame: Buffer, hops: number, signal: AbortSignal) {
    const { secret } = this.#options;
    const headers = { "x-pubsub-secret": secret, "x-pubsub-call": name, "x-pubsub-hops": String(hops) };
    const answerBytesMax = ANSWER_BYTES_MAX + frame.length;
    return await this.#http.post({ path: "/", headers, body: frame, answerBytesMax }, signal);
  }
}

/** What does not say anything new is left out: the Worker knows the defaults. */
function headOf(message: Message) {
  const { topic, publisherId, tokenId, receivedAtMs, properties, payload } = message;
  const indicator = formatIndicatorOf(message);
  return {
    topic,
    clientId: publisherId,
    ...(tokenId !== undefined && { jti: tokenId }),
    receivedAt: Math.floor(receivedAtMs / 1000),
    ...(properties?.contentType !== undefined && { contentType: properties.contentType }),
    ...(indicator === 1 && { payloadFormatIndicator: indicator }),
    length: payload.length,
  };
}

/** A message for a consumer, with all its properties. */
function deliveryOf({ message, attempt }: Attempt) {
  const { topic, publisherId, qos, retain, receivedAtMs, expiresAtMs, properties, payload } = message;
  return {
    ...properties,
    ...(properties?.correlationData !== undefined && {
      correlationData: properties.correlationData.toString("base64"),
    }),
    topic,
    clientId: publisherId,
    qos,
    retain,
    receivedAt: Math.floor(receivedAtMs / 1000),
    ...(expiresAtMs !== Infinity && { expiresAt: Math.floor(expiresAtMs / 1000) }),
    attempt,
    length: payload.length,
  };
}

function readDecision(batch: readonly Message[], request: Buffer, body: Buffer): readonly Verdict[] {
  const { header, payloads } = decodeFrame(body);
  // Nothing has changed but, perhaps, bytes of payloads as long as they were.
  const isSame = header === null;
  if (isSame && payloads.equals(request.subarray(request.length - payloads.length))) return batch.map(() => ACCEPT);
  const changes: readonly Change[] = isSame
    ? batch.map(({ payload }, mid) => ({ mid, length: payload.length }))
    : (header as Change[]);
  let at = 0;
  const answered = changes.map(({ length, ...change }): Answered => {
    if (length === undefined) return change;
    const payload = payloads.subarray(at, at + length);
    at += length;
    return { ...change, payload };
  });
  return verdictsOf(batch, answered);
}
