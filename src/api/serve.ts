import { type IncomingMessage, type RequestListener, type ServerResponse, createServer } from "node:http";
import { Lazy } from "../lazy.ts";
import { type ListenAddress, listen } from "../listen.ts";
import type { Application } from "./create-api.ts";
import { failWith } from "./envelope.ts";

/** For the URL and all headers: a topic has up to 65,535 bytes, and a URL three characters for each of them. */
const HEADER_BYTES_MAX = 256 * 1024;

export interface RunningApi {
  /** The port that it listens on. */
  readonly port: number;
  /** Ends all connections at once, those of event streams and idle ones too. */
  close(): Promise<void>;
}

/**
 * @param app loaded with the first request
 * @throws {UserError} where the port cannot be had
 */
export async function serveApi(app: Lazy<Application>, address: ListenAddress): Promise<RunningApi> {
  const listener = new Lazy(() => createListener(app));
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => {
    if (listener.value === undefined) void answerWhenLoaded(listener, request, response);
    else listener.value(request, response);
  });
  const port = await listen(server, address, "the API", "--api-port");
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        listener.close();
        app.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function createListener(app: Lazy<Application>): Promise<RequestListener> {
  const [{ getRequestListener }, { fetch }] = await Promise.all([import("@hono/node-server"), app.load()]);
  const listener = getRequestListener(fetch, {
    overrideGlobalObjects: false,
    // What the application cannot see: the URL and the Host header make no URL. Its own errors end in its `onError`.
    errorHandler: () => failWith("invalid-request", ["the URL or the Host header is not valid"]),
  });
  return (request, response) => void listener(request, response);
}

async function answerWhenLoaded(
  listener: Lazy<RequestListener>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    (await listener.load())(request, response);
  } catch (error) {
    response
      .writeHead(500, { "content-type": "text/plain" })
      .end(`the API cannot be loaded: ${(error as Error).message}\n`);
  }
}
