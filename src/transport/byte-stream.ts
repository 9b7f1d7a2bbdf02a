/** What every transport makes of a network connection. */
export interface ByteStream {
  /** `127.0.0.1:50123`, for people. */
  readonly remote: string;
  /** Of the peer, without its port. */
  readonly address: string;
  readonly transport: "tcp" | "websocket";
  /** True if the peer is on this machine. */
  readonly isLoopback: boolean;
  /**
   * What the transport says of the broker that is meant, such as the Host and path of a WebSocket; undefined where it
   * says nothing.
   */
  readonly addressed: AddressedBroker | undefined;
  /** False where a web page of another site opened the connection. */
  readonly isSameSite: boolean;
  /** Bytes that were written and wait for the network. */
  readonly unsentBytes: number;
  /** Set once, before the first event. */
  handler: ByteStreamHandler;
  /** @returns true if the bytes have left already, and their buffer may be used again */
  write(bytes: Buffer): boolean;
  pause(): void;
  resume(): void;
  /** Closes after what was written has left. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** A broker by name, as `<broker>.<namespace>.<domain>` or `/<namespace>/<broker>` say it. */
export interface AddressedBroker {
  readonly namespace: string;
  readonly broker: string;
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
