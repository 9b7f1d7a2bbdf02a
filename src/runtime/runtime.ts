import { type Connect, ReasonCode } from "../codec/index.ts";
import { Deadlines, type Limits } from "../broker/index.ts";
import type { JournalStore } from "../store/index.ts";
import type { Addressed, ByteStream, PeerCertificate } from "../transport/byte-stream.ts";
import { CommitGate } from "./commit-gate.ts";
import { HostedBroker, type HostedBrokerOptions } from "./hosted-broker.ts";
import { Link } from "./link.ts";
import type { NetworkTraffic } from "./metrics.ts";
import { PublishFrames } from "./publish-frames.ts";
import { SlabPool } from "./slab.ts";

/** A network connection, as transports make it. */
export interface Stream {
  readonly remote: string;
  readonly address: string;
  readonly transport: ByteStream["transport"];
  readonly isLoopback: boolean;
  readonly isSameSite: boolean;
  readonly addressed: Addressed;
  readonly peerCertificate?: PeerCertificate | undefined;
  readonly unsentBytes: number;
  handler: StreamHandler;
  /** @returns true if the buffer may be used again at once */
  write(bytes: Buffer): boolean;
  /** Writes them one behind the other, together. @returns true if all of them may be used again at once */
  writeAll(parts: readonly Buffer[]): boolean;
  /** The client was let in: what follows may be as large as any packet. */
  admitted?(): void;
  pause(): void;
  resume(): void;
  end(): void;
  destroy(): void;
}

export interface StreamHandler {
  onData(chunk: Buffer): void;
  onDrain(): void;
  onClose(): void;
}

/** Why a connection is for no broker. */
export interface NotLocated {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

export interface RuntimeOptions {
  readonly limits: Limits;
  /** Which broker a CONNECT is for. */
  readonly locate: (connect: Connect, stream: Stream) => HostedBroker | NotLocated;
  /** A programmer's error: the connection it came from is closed, everything else goes on. */
  readonly onError: (error: unknown) => void;
  /** A CONNECT that reached no broker. */
  readonly onRefused?: (connect: Connect, stream: Stream, reasonCode: ReasonCode, reason: string) => void;
  /** What the brokers write their journals to: nothing leaves before what it tells of is kept. */
  readonly store?: JournalStore | undefined;
  /** UNIX milliseconds. A clock that is moved by hand needs `Runtime.advance` as well. */
  readonly now?: () => number;
}

/** Longest delay that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Hosts brokers: gives them the clock, one timer for all deadlines, and the network. Everything happens in turns: an
 * input is passed to a broker, then what it wrote leaves, one write per connection.
 */
export class Runtime {
  readonly limits: Limits;
  readonly locate: RuntimeOptions["locate"];
  readonly onError: RuntimeOptions["onError"];
  readonly store: JournalStore | undefined;
  readonly onRefused: NonNullable<RuntimeOptions["onRefused"]>;
  /** UNIX milliseconds. */
  readonly now: () => number;
  /** Those of connections without CONNECT or that linger, and the first one of each broker. */
  readonly deadlines = new Deadlines();
  readonly slabs = new SlabPool();
  readonly frames = new PublishFrames();
  readonly network: NetworkTraffic = { bytesReceived: 0, bytesSent: 0 };

  readonly #brokers = new Map<string, HostedBroker>();
  readonly #links = new Set<Link>();
  readonly #linksByAddress = new Map<string, number>();
  readonly #dirty: Link[] = [];
  #resumed: Link[] = [];
  readonly #background = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Infinity;
  #depth = 0;
  #onLinksGone: () => void = () => {};
  readonly #gate: CommitGate | undefined;

  constructor(options: RuntimeOptions) {
    this.limits = options.limits;
    this.locate = options.locate;
    this.onError = options.onError;
    this.onRefused = options.onRefused ?? (() => {});
    this.store = options.store;
    this.now = options.now ?? Date.now;
    this.#gate = options.store && new CommitGate(options.store);
  }

  /** Hosts a broker, as the store has it. */
  addBroker(id: string, options: HostedBrokerOptions): HostedBroker {
    const hosted = new HostedBroker(this, id, options);
    this.#brokers.set(id, hosted);
    const { store } = this;
    if (store !== undefined) this.turn((now) => hosted.broker.restore(store.restore(id), now));
    return hosted;
  }

  broker(id: string): HostedBroker | undefined {
    return this.#brokers.get(id);
  }

  /** Ends a broker: its clients are disconnected. */
  removeBroker(id: string, reasonCode: ReasonCode, reason: string): void {
    const hosted = this.#brokers.get(id);
    this.#brokers.delete(id);
    hosted?.close(reasonCode, reason);
  }

  /** Takes a new network connection. */
  accept(accepted: Stream): void {
    const stream = this.#gate === undefined ? accepted : this.#gate.guard(accepted);
    const isCounted = this.limits.connectionsPerAddressMax !== 0;
    const link = new Link(this, stream, isCounted ? stream.address : undefined);
    this.#links.add(link);
    this.#countAddress(link, 1);
    this.#armTimer();
  }

  /** The connection has ended. */
  forget(link: Link): void {
    this.#links.delete(link);
    this.#countAddress(link, -1);
    if (this.#links.size === 0) this.#onLinksGone();
  }

  /** True if the address has more connections than one may have. */
  isCrowded({ countedAddress }: Link): boolean {
    if (countedAddress === undefined) return false;
    return this.#linksByAddress.get(countedAddress)! > this.limits.connectionsPerAddressMax;
  }

  /** Passes an input to a broker. Turns that begin within a turn are part of it. */
  turn(input: (now: number) => void): void {
    const now = this.beginTurn();
    try {
      input(now);
    } catch (error) {
      this.onError(error);
    } finally {
      this.endTurn();
    }
  }

  /**
   * Until `endTurn`, inputs may be passed to brokers: the same as `turn` without a closure, for what happens all the time.
   * @returns the time
   */
  beginTurn(): number {
    this.#depth++;
    if (this.#depth === 1) this.#gate?.beginTurn();
    return this.now();
  }

  endTurn(): void {
    if (this.#depth === 1) this.#leave();
    this.#depth--;
  }

  /** The link has bytes to write at the end of the turn. */
  flushLater(link: Link): void {
    this.#dirty.push(link);
  }

  /** The link may go on with packets that it has received already. */
  handleLater(link: Link): void {
    this.#resumed.push(link);
  }

  /** Resolves once everything that has changed so far is kept. */
  async kept(): Promise<void> {
    await this.#gate?.kept();
  }

  /** Ends all connections at once. What waits to be sent is not sent. */
  abort(): void {
    for (const { stream } of this.#links) stream.destroy();
  }

  /**
   * Does what is due by now. The timer calls it; and who moves the clock by hand.
   * @returns when something is due next: UNIX milliseconds, Infinity for never
   */
  advance(): number {
    this.#timerDueMs = Infinity;
    this.turn((now) => this.deadlines.advance(now));
    return this.#timerDueMs;
  }

  /** Something that goes on by itself and is waited for at the end. */
  background(work: Promise<void>): void {
    const done = work.catch(this.onError).finally(() => this.#background.delete(done));
    this.#background.add(done);
  }

  /** Ends all brokers and waits until the clients are gone, at most as long as connections may linger. */
  async close(): Promise<void> {
    for (const id of [...this.#brokers.keys()]) {
      this.removeBroker(id, ReasonCode.ServerShuttingDown, "the server is shutting down");
    }
    const gone = new Promise<void>((resolve) => {
      this.#onLinksGone = resolve;
      if (this.#links.size === 0) resolve();
    });
    for (const link of this.#links) link.goAway();
    await Promise.all([gone, ...this.#background]);
    clearTimeout(this.#timer);
  }

  #countAddress({ countedAddress: address }: Link, change: 1 | -1): void {
    if (address === undefined) return;
    const count = (this.#linksByAddress.get(address) ?? 0) + change;
    if (count === 0) this.#linksByAddress.delete(address);
    else this.#linksByAddress.set(address, count);
  }

  /** The end of a turn: what it wrote leaves. */
  #leave(): void {
    do {
      while (this.#resumed.length > 0) {
        const resumed = this.#resumed;
        this.#resumed = [];
        for (const link of resumed) link.goOn();
      }
      // Writes can fail at once and so end connections: both lists may grow on the way.
      for (let i = 0; i < this.#dirty.length; i++) this.#dirty[i]!.flush();
      this.#dirty.length = 0;
    } while (this.#resumed.length > 0);
    this.frames.clear();
    this.#gate?.endTurn();
    this.#armTimer();
  }

  #armTimer(): void {
    const dueMs = this.deadlines.nextMs;
    // A timer that is due too early does no harm; it is armed anew when it has fired.
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(() => this.advance(), Math.min(Math.max(0, dueMs - this.now()), TIMER_MS_MAX));
  }
}
