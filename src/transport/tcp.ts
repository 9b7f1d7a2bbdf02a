import { type Server, createServer } from "node:net";
import { type ListenAddress, listen, listenOnSocket } from "../listen.ts";
import type { Accept, Listener } from "./byte-stream.ts";
import { SocketStream } from "./socket-stream.ts";

/**
 * MQTT over TCP (MQTT 5.0 §4.2).
 * @throws {UserError} where the port cannot be had
 */
export async function listenTcp(address: ListenAddress, accept: Accept): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => accept(new SocketStream(socket, "tcp")));
  const port = await listen(server, address, "MQTT", "--port");
  return { port, close: () => closeServer(server) };
}

/**
 * MQTT over a Unix socket, for programs of the same user.
 * @throws {UserError} where the socket cannot be had
 */
export async function listenUnix(path: string, accept: Accept): Promise<{ close(): Promise<void> }> {
  const server = createServer((socket) => accept(new SocketStream(socket, "unix")));
  await listenOnSocket(server, path, "MQTT");
  return { close: () => closeServer(server) };
}

/** Resolves when the server's connections have ended, too. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
