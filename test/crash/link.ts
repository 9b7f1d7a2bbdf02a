import { type Socket, connect } from "node:net";
import { Decoder, type Packet, type ProtocolVersion, encode } from "../../src/codec/index.ts";

export interface LinkHandler {
  onOpen(): void;
  onPacket(packet: Packet): void;
  onClose(): void;
  /** Neither the network nor the client is to blame. */
  onError(error: Error): void;
}

/** Packets over a socket. What is sent in one turn leaves in one write. */
export class Link {
  readonly #version: ProtocolVersion;
  readonly #socket: Socket;
  readonly #decoder: Decoder;
  readonly #handler: LinkHandler;
  #unsent: Buffer[] = [];

  constructor(port: number, version: ProtocolVersion, handler: LinkHandler) {
    this.#version = version;
    this.#handler = handler;
    this.#decoder = new Decoder({ protocolVersion: version });
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.on("connect", () => handler.onOpen());
    this.#socket.on("data", (bytes) => this.#receive(bytes));
    // Whatever happens to the connection, its end follows.
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => handler.onClose());
  }

  send(packet: Packet): void {
    if (this.#unsent.length === 0) setImmediate(() => this.#flush());
    this.#unsent.push(encode(packet, this.#version));
  }

  /** After what was sent. */
  end(): void {
    this.#flush();
    this.#socket.end();
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #flush(): void {
    if (this.#unsent.length > 0 && this.#socket.writable) this.#socket.write(Buffer.concat(this.#unsent));
    this.#unsent = [];
  }

  #receive(bytes: Buffer): void {
    try {
      this.#decoder.push(bytes);
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        this.#handler.onPacket(packet);
      }
    } catch (error) {
      this.#socket.destroy();
      this.#handler.onError(error as Error);
    }
  }
}
