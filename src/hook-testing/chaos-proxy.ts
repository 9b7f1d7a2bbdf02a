/** Stands before a hook and misbehaves now and then, so that one sees how broker and subscribers cope. */
import http from "node:http";
import { listen } from "../listen.ts";
import { parseHookUrl } from "../hooks/index.ts";
import { randomNumbers } from "./random.ts";

/** What can go wrong, and what the broker makes of it. */
export const faults = {
  timeout: "never answers",
  slow: "answers after 2 s",
  status: "answers with 500 in place of the hook",
  reset: "breaks the connection",
  truncate: "answers with the first half of the body",
  nonsense: "answers with something that is no array",
  topic: "changes the topic of a message in the answer",
  mid: "changes the mid of a message in the answer",
  lose: "leaves a message out of the answer",
  double: "has a message in the answer twice",
  tamper: "changes the request on its way, so that its signature is wrong",
} as const;
export type Fault = keyof typeof faults;

export interface ChaosProxyOptions {
  readonly upstream: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Shares of the requests, from 0 to 1; together 1 at most. */
  readonly shares: ReadonlyMap<Fault, number>;
  readonly seed: number;
  /** Told of each request when it was decided about. */
  readonly onRequest: (request: {
    readonly number: number;
    readonly bytes: number;
    readonly fault: Fault | undefined;
  }) => void;
}

export interface ChaosProxy {
  readonly url: string;
  close(): Promise<void>;
}

const SLOW_MS = 2000;
/** More than a broker sends at once. */
const REQUEST_BYTES_MAX = 64 * 1024 * 1024;

/** @throws {UserError} `invalid-hook-url`, `port-in-use` */
export async function startChaosProxy(options: ChaosProxyOptions): Promise<ChaosProxy> {
  const upstream = parseHookUrl(options.upstream);
  const random = randomNumbers(options.seed);
  const closing = new AbortController();
  let number = 0;
  const server = http.createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === undefined) {
      response.writeHead(413, { connection: "close" }).end("the request is too large");
      return;
    }
    // Two for each request, whatever comes of them: so that the same seed makes the same choices.
    const [choice, place] = [random(), random()];
    const fault = choose(options.shares, choice);
    options.onRequest({ number: ++number, bytes: body.length, fault });
    if (fault === "timeout") return;
    if (fault === "reset") {
      response.destroy();
      return;
    }
    if (fault === "status") {
      response.writeHead(500).end("chaos");
      return;
    }
    const answered = await ask(upstream, request, fault === "tamper" ? tampered(body, place) : body, closing.signal);
    if (fault === "slow") await pause(SLOW_MS, closing.signal);
    response.writeHead(answered.status, { "content-type": "application/json" });
    response.end(answered.status === 200 ? spoiled(answered.body, fault, place) : answered.body);
  }

  const port = await listen(server, { host: "127.0.0.1", port: options.port }, "the hook", "--port");
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      closing.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @param choice from 0 up to 1 */
function choose(shares: ReadonlyMap<Fault, number>, choice: number): Fault | undefined {
  let below = 0;
  for (const [fault, share] of shares) {
    below += share;
    if (choice < below) return fault;
  }
  return undefined;
}

async function readBody(request: http.IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function ask(
  upstream: URL,
  { method = "POST", headers }: http.IncomingMessage,
  body: Buffer,
  signal: AbortSignal,
): Promise<{ status: number; body: Buffer }> {
  const own = new Set(["host", "connection", "content-length", "transfer-encoding", "keep-alive"]);
  const passed = Object.entries(headers).filter(([name, value]) => !own.has(name) && typeof value === "string");
  try {
    const response = await fetch(upstream, {
      ...{ method, signal, redirect: "manual" },
      headers: passed as [string, string][],
      ...(body.length > 0 && { body: new Uint8Array(body) }),
    });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined;
    return {
      status: 502,
      body: Buffer.from(`the hook ${upstream.origin} does not answer: ${cause?.message ?? "no reason"}`),
    };
  }
}

function tampered(body: Buffer, place: number): Buffer {
  const changed = Buffer.from(body);
  const index = Math.floor(place * changed.length);
  if (changed.length > 0) changed[index] = changed[index]! ^ 1;
  return changed;
}

function spoiled(body: Buffer, fault: Fault | undefined, place: number): Buffer {
  if (fault === "truncate") return body.subarray(0, body.length >> 1);
  if (fault === "nonsense") return Buffer.from('{"chaos":true}');
  if (fault !== "topic" && fault !== "mid" && fault !== "lose" && fault !== "double") return body;
  let messages: Record<string, unknown>[];
  try {
    messages = JSON.parse(body.toString("utf8")) as Record<string, unknown>[];
  } catch {
    return body;
  }
  if (!Array.isArray(messages) || messages.length === 0) return body;
  const index = Math.floor(place * messages.length);
  const message = messages[index]!;
  if (fault === "topic") messages[index] = { ...message, topic: `${String(message["topic"])}/chaos` };
  else if (fault === "mid") messages[index] = { ...message, mid: Number(message["mid"]) + 1_000_000 };
  else if (fault === "lose") messages.splice(index, 1);
  else messages.splice(index, 0, message);
  return Buffer.from(JSON.stringify(messages));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
