import { type RequestListener, type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { UserError } from "../errors.ts";
import { failWith } from "./envelope.ts";

/** Tokens to revoke stand in the URL, and Node allows 16 KiB for it and all headers. */
const HEADER_BYTES_MAX = 64 * 1024;

export interface RunningApi {
  /** The port that it listens on. */
  readonly port: number;
  /** Ends all connections at once, those of event streams and idle ones too. */
  close(): Promise<void>;
}

/**
 * @param address `port` 0 picks a free one
 * @throws {UserError} `port-in-use`, `address-unusable`
 */
export async function serveApi(
  app: Hono,
  address: { readonly host: string; readonly port: number },
): Promise<RunningApi> {
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    // What the application cannot see: the URL and the Host header make no URL. Its own errors end in its `onError`.
    errorHandler: () => failWith("invalid-request", ["the URL or the Host header is not valid"]),
  }) as RequestListener;
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, listener);
  await listen(server, address.host, address.port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): UserError {
  if (error.code === "EADDRINUSE") {
    return new UserError("port-in-use", `port ${port} is in use`, "pass --api-port 0 to pick a free one", {
      cause: error,
    });
  }
  const message = `cannot listen on ${host}:${port}: ${error.code ?? error.message}`;
  return new UserError("address-unusable", message, "pass another --api-port or host", { cause: error });
}
