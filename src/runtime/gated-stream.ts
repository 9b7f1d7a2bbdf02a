import { Queue } from "../broker/queue.ts";
import type { CommitGate } from "./commit-gate.ts";
import type { Stream, StreamHandler } from "./runtime.ts";

/** Bytes that may leave once the journal has committed a position. */
interface Part {
  readonly bytes: Buffer;
  readonly until: number;
}

/** Output shorter than this is copied: it would keep the whole buffer in which it stands. */
const COPIED_BYTES_MAX = 1024;

/** Who has as many bytes waiting is told when they have left, as with a socket. */
const DRAIN_BYTES = 16 * 1024;
/** Past that the socket will say so itself. */
const SOCKET_DRAIN_BYTES = 64 * 1024;

/** Stands for the end of the connection. */
const NOTHING = Buffer.alloc(0);

/** A network connection whose output waits for the journal. What waits counts as unsent. */
export class GatedStream implements Stream {
  readonly #gate: CommitGate;
  readonly #stream: Stream;
  #handler!: StreamHandler;
  readonly #parts = new Queue<Part>();
  /** Those of the present turn. */
  #turn: Buffer[] = [];
  #isNoted = false;
  #heldBytes = 0;
  #owesDrain = false;
  #isEnding = false;
  #isPaused = false;
  #isThrottled = false;

  constructor(gate: CommitGate, stream: Stream) {
    this.#gate = gate;
    this.#stream = stream;
  }

  get remote(): string {
    return this.#stream.remote;
  }

  get address(): string {
    return this.#stream.address;
  }

  get transport(): Stream["transport"] {
    return this.#stream.transport;
  }

  get isLoopback(): boolean {
    return this.#stream.isLoopback;
  }

  get isSameSite(): boolean {
    return this.#stream.isSameSite;
  }

  get addressed(): Stream["addressed"] {
    return this.#stream.addressed;
  }

  get peerCertificate(): Stream["peerCertificate"] {
    return this.#stream.peerCertificate;
  }

  get unsentBytes(): number {
    return this.#stream.unsentBytes + this.#heldBytes;
  }

  get handler(): StreamHandler {
    return this.#handler;
  }

  set handler(handler: StreamHandler) {
    this.#handler = handler;
    this.#stream.handler = {
      onData: (chunk) => this.#receive(chunk),
      onDrain: () => handler.onDrain(),
      onClose: () => {
        this.#forget();
        handler.onClose();
      },
    };
  }

  /** True while output, or the end of the connection, waits for the journal. */
  get isHolding(): boolean {
    return this.#parts.length > 0;
  }

  /**
   * A record is added before anything that tells of it is written. So what is written while the turn has added none need not
   * wait.
   */
  admitted(): void {
    this.#stream.admitted?.();
  }

  write(bytes: Buffer): boolean {
    if (this.#heldBytes === 0 && !this.#gate.hasChanges) return this.#stream.write(bytes);
    this.#turn.push(bytes.length <= COPIED_BYTES_MAX ? Buffer.from(bytes) : bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= DRAIN_BYTES) this.#owesDrain = true;
    this.#note();
    return false;
  }

  writeAll(parts: readonly Buffer[]): boolean {
    if (this.#heldBytes === 0 && !this.#gate.hasChanges) return this.#stream.writeAll(parts);
    for (const bytes of parts) this.write(bytes);
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isThrottled) this.#stream.resume();
  }

  end(): void {
    this.#isEnding = true;
    // Nothing that still arrives is of interest, but the peer's end is.
    if (this.#isThrottled) this.endThrottle();
    if (this.#heldBytes === 0 && !this.#gate.hasChanges) {
      this.#stream.end();
      return;
    }
    this.#turn.push(NOTHING);
    this.#note();
  }

  destroy(): void {
    this.#forget();
    this.#stream.destroy();
  }

  // ---- for the gate

  /** The turn is over: its output may leave when the journal has committed `until`, behind what waits already. */
  seal(until: number): void {
    this.#isNoted = false;
    for (const bytes of this.#turn) this.#parts.push({ bytes, until });
    this.#turn = [];
  }

  letGo(committed: number): void {
    for (let part = this.#parts.peek(); part !== undefined && part.until <= committed; part = this.#parts.peek()) {
      this.#parts.shift();
      this.#heldBytes -= part.bytes.length;
      if (part.bytes !== NOTHING) this.#stream.write(part.bytes);
    }
    if (this.#parts.length > 0) return;
    if (this.#isEnding) {
      this.#stream.end();
    } else if (this.#owesDrain) {
      this.#owesDrain = false;
      if (this.#stream.unsentBytes <= SOCKET_DRAIN_BYTES) setImmediate(() => this.#handler.onDrain());
    }
  }

  endThrottle(): void {
    this.#isThrottled = false;
    if (!this.#isPaused) this.#stream.resume();
  }

  #receive(chunk: Buffer): void {
    const { position } = this.#gate;
    this.#handler.onData(chunk);
    if (this.#gate.position === position || !this.#gate.isBehind || this.#isEnding) return;
    this.#isThrottled = true;
    this.#stream.pause();
    this.#gate.throttle(this);
  }

  #note(): void {
    if (this.#isNoted) return;
    this.#isNoted = true;
    this.#gate.noteWritten(this);
  }

  #forget(): void {
    this.#turn = [];
    while (this.#parts.shift() !== undefined);
    this.#heldBytes = 0;
    this.#owesDrain = false;
    this.#isEnding = false;
    this.#gate.forget(this);
  }
}
