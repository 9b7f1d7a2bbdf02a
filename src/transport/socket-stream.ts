import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Addressed, ByteStream, ByteStreamHandler, PeerCertificate } from "./byte-stream.ts";
import { isLoopbackAddress } from "./loopback.ts";

const STREAM = Symbol("stream");

interface StreamSocket extends Socket {
  [STREAM]: SocketStream;
}

/** A connection of bytes: TCP, TLS above it, or a Unix socket. */
export class SocketStream implements ByteStream {
  readonly transport: "tcp" | "tls" | "unix";
  readonly addressed: Addressed;
  readonly isSameSite = true;
  handler!: ByteStreamHandler;
  readonly #socket: Socket;

  constructor(socket: Socket, transport: "tcp" | "tls" | "unix", addressed?: Addressed) {
    this.#socket = socket;
    this.transport = transport;
    this.addressed = addressed;
    (socket as StreamSocket)[STREAM] = this;
    socket.on("data", onData);
    socket.on("drain", onDrain);
    socket.on("close", onClose);
    socket.on("error", onError);
  }

  /** Empty where the peer has gone. It takes a system call to learn, so only who needs it asks. */
  get address(): string {
    return this.transport === "unix" ? "unix" : (this.#socket.remoteAddress ?? "");
  }

  get isLoopback(): boolean {
    return this.transport === "unix" || isLoopbackAddress(this.address);
  }

  get remote(): string {
    if (this.transport === "unix") return "unix socket";
    return `${this.address || "?"}:${this.#socket.remotePort ?? "?"}`;
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

// Not closures: they and what they refer to would be a good part of what a connection takes.

function onData(this: Socket, chunk: Buffer): void {
  (this as StreamSocket)[STREAM].handler.onData(chunk);
}

function onDrain(this: Socket): void {
  (this as StreamSocket)[STREAM].handler.onDrain();
}

function onClose(this: Socket): void {
  (this as StreamSocket)[STREAM].handler.onClose();
}

/** `close` follows; a peer that resets its connection is nothing to report. */
function onError(): void {}

/** What the client has shown, while the connection lasts. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  // Node's types say Error; it is a code of OpenSSL.
  const objection = socket.authorizationError as unknown as string | null;
  return { certificate, objection: socket.authorized ? undefined : (objection ?? "UNTRUSTED") };
}
