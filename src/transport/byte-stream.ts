import type { X509Certificate } from "node:crypto";

/** What every transport makes of a network connection. */
export interface ByteStream {
  /** `127.0.0.1:50123`, for people. */
  readonly remote: string;
  /** Of the peer, without its port. */
  readonly address: string;
  readonly transport: "tcp" | "tls" | "unix" | "websocket" | "secure-websocket";
  /** True if the peer is on this machine. */
  readonly isLoopback: boolean;
  /** What the transport says of the broker that is meant: see `AddressedBroker`. */
  readonly addressed: Addressed;
  /** What the client of a TLS connection showed of itself; undefined where it showed nothing. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** False where a web page of another site opened the connection. */
  readonly isSameSite: boolean;
  /** Bytes that were written and wait for the network. */
  readonly unsentBytes: number;
  /** Set once, before the first event. */
  handler: ByteStreamHandler;
  /** @returns true if the bytes have left already, and their buffer may be used again */
  write(bytes: Buffer): boolean;
  /** Writes them one behind the other, with a single system call where that can be. @returns as `write`, for all of them */
  writeAll(parts: readonly Buffer[]): boolean;
  /** The client was let in: what follows may be as large as any packet. */
  admitted?(): void;
  pause(): void;
  resume(): void;
  /** Closes after what was written has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/**
 * A broker by name, as `<broker>.<namespace>.<domain>` in the TLS server name or the WebSocket Host, or
 * `/<namespace>/<broker>` in the path of a WebSocket say it.
 */
export interface AddressedBroker {
  readonly namespace: string;
  readonly broker: string;
}

/** undefined where the transport names no broker, `contradictory` where it names several. */
export type Addressed = AddressedBroker | "contradictory" | undefined;

export interface PeerCertificate {
  readonly certificate: X509Certificate;
  /** Why no authority that is trusted vouches for it, such as `CERT_HAS_EXPIRED`; undefined if one does. */
  readonly objection: string | undefined;
}

export interface ByteStreamHandler {
  onData(chunk: Buffer): void;
  /** `unsentBytes` is back at 0. */
  onDrain(): void;
  /** The connection is gone, for whatever reason. Called once. */
  onClose(): void;
}

/** Takes a new connection, and sets its handler. */
export type Accept = (stream: ByteStream) => void;

/** A socket that listens. */
export interface Listener {
  readonly port: number;
  /** Stops listening; connections stay. */
  close(): Promise<void>;
}
