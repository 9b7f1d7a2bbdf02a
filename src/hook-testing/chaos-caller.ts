/** Calls a hook as nobody should, and says whether it answers as it should: refuses what is not signed, and goes on. */
import { createPrivateKey, randomBytes, sign } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { type SigningKey, generateSigningKey } from "../auth/index.ts";
import { TEST_BROKER_HOST } from "./tested-hook.ts";

export interface ChaosCheck {
  readonly name: string;
  /** `advice`: nothing is broken, but somebody may want to know. */
  readonly outcome: "ok" | "failed" | "advice";
  /** What the hook did, and where that is not right, what it should do. */
  readonly detail: string;
}

interface Answer {
  /** 0 where there was none. */
  readonly status: number;
  readonly text: string;
}

interface Request {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in so many pieces. */
  readonly pieces?: number;
  /** The connection breaks after this share of the body. */
  readonly cutAt?: number;
}

export interface ChaosCallerOptions {
  readonly url: string;
  readonly key: SigningKey;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
}

const DAY_SECONDS = 86_400;

/** Yields each check when it is done. @throws the signal's reason where it aborts */
export async function* callInChaos(options: ChaosCallerOptions): AsyncGenerator<ChaosCheck> {
  const caller = new Caller(options);
  const control = await caller.send(caller.signed(batch(2)));
  yield judge("a batch that is right", control.status === 200, control, "answers 200");
  if (control.status !== 200) return;
  for await (const check of forgeries(caller)) yield check;
  for await (const check of damages(caller)) yield check;
  for await (const check of oddities(caller)) yield check;
  const after = await caller.send(caller.signed(batch(2)));
  yield judge("a batch that is right, after all that", after.status === 200, after, "answers 200");
}

/** What anybody could send. */
async function* forgeries(caller: Caller): AsyncGenerator<ChaosCheck> {
  const good = caller.signed(batch(2));
  const refused = async (name: string, request: Request) => {
    const answer = await caller.send(request);
    return judge(
      name,
      answer.status !== 200 && answer.status !== 0,
      answer,
      "refuses it: anybody may send it requests",
    );
  };
  const without = (name: string) => Object.fromEntries(Object.entries(good.headers).filter(([each]) => each !== name));
  yield await refused("no signature", { ...good, headers: { "content-type": "application/json" } });
  yield await refused("no key id", { ...good, headers: without("x-signature-key-id") });
  yield await refused("a signature of zeros", {
    ...good,
    headers: { ...good.headers, "x-signature-ed25519": Buffer.alloc(64).toString("base64") },
  });
  yield await refused("a signature that is no base64", {
    ...good,
    headers: { ...good.headers, "x-signature-ed25519": "%%%" },
  });
  const other = await generateSigningKey();
  yield await refused("another key under its own id", caller.signed(batch(2), { key: other }));
  const disguised = { ...other, kid: caller.key.kid };
  yield await refused("another key under the broker's id", caller.signed(batch(2), { key: disguised }));
  yield await refused("a body that was changed", {
    ...good,
    body: Buffer.from(good.body.toString().replace("chaos/0", "chaos/9")),
  });
  const timestamp = String(Number(good.headers["x-signature-timestamp"]) + 1);
  yield await refused("a timestamp that was changed", {
    ...good,
    headers: { ...good.headers, "x-signature-timestamp": timestamp },
  });
  const old = await caller.send(caller.signed(batch(2), { ageSeconds: DAY_SECONDS }));
  const isTaken = old.status === 200;
  yield {
    name: "a batch that was signed a day ago",
    outcome: isTaken ? "advice" : "ok",
    detail: isTaken ? "takes it: whoever saw a request can send it again; compare X-Signature-Timestamp" : said(old),
  };
}

/** What a network makes of requests. */
async function* damages(caller: Caller): AsyncGenerator<ChaosCheck> {
  const good = caller.signed(batch(20));
  const whole = await caller.send(good);
  const split = await caller.send({ ...good, pieces: 7 });
  yield judge(
    "a body in pieces",
    split.status === 200 && split.text === whole.text,
    split,
    "answers as it does to one piece",
  );
  await caller.send({ ...good, cutAt: 0.5 });
  const after = await caller.send(caller.signed(batch(2)));
  yield judge("a connection that breaks", after.status === 200, after, "goes on with the next request");
  const half = await caller.send(caller.signed(good.body.subarray(0, good.body.length >> 1)));
  yield judge("half a body, signed", half.status >= 400, half, "answers with an error");
}

/** What publishers may send, and brokers pass on. */
async function* oddities(caller: Caller): AsyncGenerator<ChaosCheck> {
  const empty = await caller.send(caller.signed(Buffer.from("[]")));
  yield judge("an empty batch", empty.status !== 0, empty, "answers");
  const full = await caller.send(caller.signed(batch(100, 10_000)));
  yield judge("100 messages of 10 KB", full.status === 200, full, "answers 200 in time");
  const odd: [name: string, message: object][] = [
    ["bytes that are no text", { payload: [...randomBytes(32)], payloadFormatIndicator: 0 }],
    ["an empty payload", { payload: [], payloadFormatIndicator: 0 }],
    ["a text that is no JSON", { payload: "no JSON {", payloadFormatIndicator: 1 }],
    ["a topic of other alphabets", { topic: "chaos/ü/日本/🙂" }],
  ];
  for (const [name, message] of odd) {
    const answer = await caller.send(caller.signed(encode([messageOf(0), { ...messageOf(1), ...message }])));
    const isTaken = answer.status === 200;
    const advice = `${said(answer)}: the messages beside it are lost with it`;
    yield {
      name: `${name}, beside another message`,
      outcome: isTaken ? "ok" : "advice",
      detail: isTaken ? said(answer) : advice,
    };
  }
}

function judge(name: string, isRight: boolean, answer: Answer, expected: string): ChaosCheck {
  const detail = isRight ? said(answer) : `${said(answer)}; a hook ${expected}`;
  return { name, outcome: isRight ? "ok" : "failed", detail };
}

function said({ status, text }: Answer): string {
  return status === 0 ? text : `HTTP ${status}`;
}

const encode = (messages: readonly object[]) => Buffer.from(JSON.stringify(messages));
const batch = (count: number, bytes = 20) => encode(Array.from({ length: count }, (_, mid) => messageOf(mid, bytes)));

function messageOf(mid: number, bytes = 20) {
  return {
    ...{ mid, broker: TEST_BROKER_HOST, topic: `chaos/${mid}`, clientId: "chaos", receivedAt: 1_700_000_000 },
    ...{ contentType: null, payloadFormatIndicator: 1, payload: JSON.stringify({ text: "x".repeat(bytes) }) },
  };
}

class Caller {
  readonly key: SigningKey;
  readonly #options: ChaosCallerOptions;
  readonly #url: URL;

  constructor(options: ChaosCallerOptions) {
    this.key = options.key;
    this.#options = options;
    this.#url = new URL(options.url);
  }

  signed(body: Buffer, { key = this.key, ageSeconds = 0 }: { key?: SigningKey; ageSeconds?: number } = {}): Request {
    const timestamp = String(Math.floor(this.#options.nowMs() / 1000) - ageSeconds);
    const privateKey = createPrivateKey({ key: { ...key.privateJwk }, format: "jwk" });
    const signature = sign(null, Buffer.concat([Buffer.from(timestamp), body]), privateKey);
    const headers = {
      "content-type": "application/json",
      "x-signature-ed25519": signature.toString("base64"),
      "x-signature-timestamp": timestamp,
      "x-signature-key-id": key.kid,
    };
    return { body, headers };
  }

  async send({ body, headers, pieces = 1, cutAt }: Request): Promise<Answer> {
    const { signal, timeoutMs } = this.#options;
    signal.throwIfAborted();
    const { request: start } = this.#url.protocol === "https:" ? https : http;
    const late = AbortSignal.timeout(timeoutMs);
    const answer = new Promise<Answer>((resolve, reject) => {
      const options = { method: "POST", agent: false, headers: { ...headers, "content-length": body.length } } as const;
      const request = start(this.#url, { ...options, signal: AbortSignal.any([signal, late]) }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (text += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
      request.on("error", reject);
      this.#write(request, body, pieces, cutAt).catch(reject);
    });
    return await answer.catch((error: Error): Answer => {
      signal.throwIfAborted();
      return {
        status: 0,
        text: late.aborted ? `no answer within ${timeoutMs / 1000} s` : `no answer: ${error.message}`,
      };
    });
  }

  async #write(request: http.ClientRequest, body: Buffer, pieces: number, cutAt: number | undefined): Promise<void> {
    if (cutAt !== undefined) {
      await new Promise((resolve) => request.write(body.subarray(0, Math.floor(body.length * cutAt)), resolve));
      request.destroy();
      return;
    }
    const size = Math.ceil(body.length / pieces);
    for (let at = size; at < body.length; at += size) {
      request.write(body.subarray(at - size, at));
      // A packet of its own.
      await delay(2);
    }
    request.end(body.subarray((Math.ceil(body.length / size) - 1) * size));
  }
}
