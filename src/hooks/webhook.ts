/** The on-publish hook of Cloudflare Pub/Sub: batches go to a URL in signed POST requests. */
import { createPrivateKey, sign, type JsonWebKey, type KeyObject } from "node:crypto";
import type { HookDropReason, Message, Verdict } from "../broker/ports.ts";
import { ACCEPT, drop, excerpt, readAnswer } from "./answer.ts";
import { readConsole } from "./console-lines.ts";
import type { Hook, HookAnswer } from "./hook.ts";
import type { HttpAnswer, HttpClient } from "./http.ts";
import { encodeBatch, hopsOf } from "./request-body.ts";
import { displayUrl, parseHookUrl } from "./url.ts";

export interface WebhookOptions {
  readonly url: string;
  /** The broker's name for hooks, `broker.namespace.domain`. */
  readonly brokerHost: string;
  /** The broker's Ed25519 key; `kid` is that of its public key. */
  readonly signingKey: { readonly kid: string; readonly privateJwk: JsonWebKey };
  readonly userAgent?: string;
  /** For a connection to the hook to come about. */
  readonly connectTimeoutMs?: number;
  /** Of an answer, beyond the size of the request: an echo is never too large. */
  readonly answerBytesMax?: number;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

const DEFAULTS = {
  userAgent: "pubsub-cli",
  connectTimeoutMs: 10_000,
  answerBytesMax: 16 * 1024 * 1024,
  now: Date.now,
};

/** Above, signing (20 to 40 µs, and 3 µs a KiB) would hold up the event loop; a trip to the thread pool costs 50 µs. */
const SIGN_AT_ONCE_BYTES_MAX = 64 * 1024;

export class Webhook implements Hook {
  readonly name: string;
  readonly #options: WebhookOptions & typeof DEFAULTS;
  readonly #url: URL;
  readonly #key: KeyObject;
  readonly #headers: Record<string, string>;
  #client: Promise<HttpClient> | undefined;
  #closed = false;

  /** @throws {UserError} `invalid-hook-url` */
  constructor(options: WebhookOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#url = parseHookUrl(options.url);
    this.name = displayUrl(this.#url);
    this.#key = createPrivateKey({ key: options.signingKey.privateJwk, format: "jwk" });
    this.#headers = {
      "content-type": "application/json",
      accept: "application/json",
      "accept-encoding": "identity",
      "user-agent": this.#options.userAgent,
      "x-signature-key-id": options.signingKey.kid,
    };
    // In the background, so that the first message does not wait for it.
    setImmediate(() => {
      if (!this.#closed) void this.#http().catch(() => {});
    });
  }

  async onPublish(batch: readonly Message[], signal: AbortSignal): Promise<HookAnswer> {
    const timestamp = String(Math.floor(this.#options.now() / 1000));
    const signed = encodeBatch(batch, this.#options.brokerHost, timestamp);
    const body = signed.subarray(timestamp.length);
    const hops = hopsOf(batch);
    const headers = {
      ...this.#headers,
      // Without meaning for any hook but our own Workers: it is not signed.
      ...(hops > 0 && { "x-pubsub-hops": String(hops) }),
      "x-signature-timestamp": timestamp,
      "x-signature-ed25519": (await this.#sign(signed)).toString("base64"),
    };
    const http = await this.#http();
    signal.throwIfAborted();
    const path = this.#url.pathname + this.#url.search;
    const answerBytesMax = this.#options.answerBytesMax + body.length;
    const answer = await http.post({ path, headers, body, answerBytesMax }, signal);
    // A hook that changes nothing answers with what it got: nothing to parse.
    const read = (answered: Buffer) => (answered.equals(body) ? batch.map(() => ACCEPT) : readAnswer(batch, answered));
    return judge(batch, answer, { read, name: this.name, answerBytesMax });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client;
    await client?.close();
  }

  async #sign(data: Buffer): Promise<Buffer> {
    if (data.length <= SIGN_AT_ONCE_BYTES_MAX) return sign(null, data, this.#key);
    return new Promise((resolve, reject) => {
      sign(null, data, this.#key, (error, signature) => {
        if (error === null) resolve(signature);
        else reject(error);
      });
    });
  }

  #http(): Promise<HttpClient> {
    if (this.#closed) throw new Error("the hook is closed");
    // A server without a hook does without undici.
    this.#client ??= import("./http.ts").then(
      ({ HttpClient }) => new HttpClient(this.#url.origin, this.#options.connectTimeoutMs),
    );
    return this.#client;
  }
}

export interface JudgeOptions {
  /** Of the hook, for people. */
  readonly name: string;
  /** Reads the body of an answer with status 200. */
  readonly read: (body: Buffer) => readonly Verdict[];
  /** As it was asked for. */
  readonly answerBytesMax: number;
}

/** What an answer over HTTP means. */
export function judge(
  batch: readonly Message[],
  answer: HttpAnswer,
  { name, read, answerBytesMax }: JudgeOptions,
): HookAnswer {
  const all = (reason: HookDropReason, detail: string): Verdict[] => {
    const verdict = drop(reason, detail);
    return batch.map(() => verdict);
  };
  if ("failure" in answer) return { verdicts: all("hook-unreachable", `${name}: ${describe(answer.failure)}`) };
  const { status, body, console: printed } = answer;
  const told = { status, ...(printed !== undefined && { console: readConsole(printed) }) };
  if (status !== 200) {
    const note = status >= 300 && status < 400 ? " (redirects are not followed)" : "";
    const text = excerpt(body);
    return { ...told, verdicts: all("hook-status", `HTTP ${status}${note}${text === "" ? "" : `: ${text}`}`) };
  }
  if (answer.tooLarge) {
    return { ...told, verdicts: all("hook-answer-too-large", `the answer has more than ${answerBytesMax} bytes`) };
  }
  return { ...told, verdicts: read(body) };
}

/** A failure in a few words, such as `connect ECONNREFUSED 127.0.0.1:8787`. */
function describe(error: Error): string {
  // One error per address that was tried, without a message of its own.
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map((each: unknown) => (each instanceof Error ? each.message : String(each))).join(", ");
  }
  return error.message;
}
