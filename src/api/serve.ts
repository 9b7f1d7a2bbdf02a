import { type RequestListener, createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
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

/** @throws {UserError} where the port cannot be had */
export async function serveApi(app: Application, address: ListenAddress): Promise<RunningApi> {
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    // What the application cannot see: the URL and the Host header make no URL. Its own errors end in its `onError`.
    errorHandler: () => failWith("invalid-request", ["the URL or the Host header is not valid"]),
  }) as RequestListener;
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, listener);
  const port = await listen(server, address, "the API", "--api-port");
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
