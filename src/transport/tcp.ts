import { type Socket, createServer } from "node:net";
import type { Accept, ByteStream, ByteStreamHandler, Listener } from "./byte-stream.ts";
import { listen } from "./listen.ts";
import { isLoopbackAddress } from "./loopback.ts";

/**
 * MQTT over TCP (MQTT 5.0 §4.2).
 * @throws {UserError} where the port cannot be had
 */
export async function listenTcp(address: { host: string; port: number }, accept: Accept): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => accept(new TcpStream(socket)));
  const port = await listen(server, address, "MQTT", "--port");
  return {
    port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

class TcpStream implements ByteStream {
  readonly transport = "tcp";
  readonly remote: string;
  readonly address: string;
  readonly isLoopback: boolean;
  readonly addressed = undefined;
  readonly isSameSite = true;
  handler!: ByteStreamHandler;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.address = socket.remoteAddress ?? "";
    this.remote = `${this.address}:${socket.remotePort}`;
    this.isLoopback = isLoopbackAddress(socket.remoteAddress);
    socket.on("data", (chunk) => this.handler.onData(chunk));
    socket.on("drain", () => this.handler.onDrain());
    socket.on("close", () => this.handler.onClose());
    // `close` follows; a peer that resets its connection is nothing to report.
    socket.on("error", () => {});
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Buffer): boolean {
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
