import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Addressed, ByteStream, ByteStreamHandler, PeerCertificate } from "./byte-stream.ts";
import { isLoopbackAddress } from "./loopback.ts";

const ignore = () => {};

/** A connection of bytes: TCP, TLS above it, or a Unix socket. */
export class SocketStream implements ByteStream {
  readonly transport: "tcp" | "tls" | "unix";
  readonly address: string;
  readonly isLoopback: boolean;
  readonly addressed: Addressed;
  readonly isSameSite = true;
  handler!: ByteStreamHandler;
  readonly #socket: Socket;
  readonly #port: number | undefined;

  constructor(socket: Socket, transport: "tcp" | "tls" | "unix", addressed?: Addressed) {
    this.#socket = socket;
    this.transport = transport;
    this.addressed = addressed;
    const isUnix = transport === "unix";
    this.address = isUnix ? "unix" : (socket.remoteAddress ?? "");
    this.#port = isUnix ? undefined : socket.remotePort;
    this.isLoopback = isUnix || isLoopbackAddress(this.address);
    socket.on("data", (chunk) => this.handler.onData(chunk));
    socket.on("drain", () => this.handler.onDrain());
    socket.on("close", () => this.handler.onClose());
    // `close` follows; a peer that resets its connection is nothing to report.
    socket.on("error", ignore);
  }

  get remote(): string {
    if (this.transport === "unix") return "unix socket";
    // The peer may have gone before we came to accept it: then its address is not known any more.
    return `${this.address || "?"}:${this.#port ?? "?"}`;
  }

  get peerCertificate(): PeerCertificate | undefined {
    return this.transport === "tls" ? peerCertificateOf(this.#socket as TLSSocket) : undefined;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Buffer): boolean {
    this.#socket.write(bytes);
    return this.#socket.writableLength === 0;
  }

  writeAll(parts: readonly Buffer[]): boolean {
    this.#socket.cork();
    for (const bytes of parts) this.#socket.write(bytes);
    this.#socket.uncork();
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

/** What the client has shown, while the connection lasts. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  // Node's types say Error; it is a code of OpenSSL.
  const objection = socket.authorizationError as unknown as string | null;
  return { certificate, objection: socket.authorized ? undefined : (objection ?? "UNTRUSTED") };
}
