/** Requests over `node:http`, in the few parts of `fetch` that the client needs: loading Node's own costs as much as starting Node. */
import type { IncomingMessage } from "node:http";

export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** A `Response` is one. */
export interface HttpResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
  text(): Promise<string>;
}

export type Fetch = (url: string, request: HttpRequest) => Promise<HttpResponse>;

/**
 * Does not follow redirects. Rejects, then and while the answer is read, with the signal's reason where that aborts, and
 * with the system's error where the server cannot be reached.
 */
export const fetchOverHttp: Fetch = async (url, { method, headers, body, signal }) => {
  signal.throwIfAborted();
  // Node leaves it out of a DELETE, and the body would be taken for the next request.
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const { request } = url.startsWith("https:") ? await import("node:https") : await import("node:http");
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { ...headers, ...length }, signal }, (incoming) =>
      resolve(responseOf(incoming, signal)),
    );
    outgoing.on("error", (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    outgoing.end(body);
  });
};

function responseOf(incoming: IncomingMessage, signal: AbortSignal): HttpResponse {
  const { statusCode: status = 0, headers } = incoming;
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: { get: (name) => headers[name]?.toString() ?? null },
    body: incoming,
    text: async () => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
      return Buffer.concat(chunks).toString();
    },
  };
}
