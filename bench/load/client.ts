import net from "node:net";
import { chunk, FrameCounter } from "./frame-counter.ts";
import { connectFrame, subscribeFrame, type Version } from "./frames.ts";

const HANDSHAKE_TIMEOUT_MS = 20_000;
const FILTERS_PER_SUBSCRIBE = 100;
/** Clients that connect at the same time, where that is not what is measured. */
const CONNECTING_MAX = 64;

export interface ClientOptions {
  /** Left out: 4, which is MQTT 3.1.1. */
  readonly version?: Version;
  readonly lasting?: boolean;
  /** Called after each read. */
  readonly onRead?: () => void;
}

/** One MQTT client of the load generator. */
export class Client {
  readonly counter = new FrameCounter();
  readonly version: Version;
  readonly #socket: net.Socket;
  #closed = false;
  #awaited = Infinity;
  #wake = () => {};

  private constructor(port: number, clientId: string, options: ClientOptions) {
    const { version = 4, lasting = false, onRead = () => {} } = options;
    this.version = version;
    const { counter } = this;
    const callback = (length: number) => {
      counter.read(length);
      const answers = counter.takeAnswers();
      if (answers) this.write(answers);
      if (counter.others >= this.#awaited) this.#wake();
      onRead();
      return true;
    };
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true, onread: { buffer: chunk, callback } });
    this.#socket = socket;
    const fail = (reason: string) => {
      if (!this.#closed) throw new Error(`${clientId}: ${reason}`);
    };
    socket.on("error", ({ message }) => fail(message));
    socket.on("close", () => fail("the broker closed the connection"));
    socket.write(connectFrame(clientId, version, lasting));
  }

  static async connect(port: number, clientId: string, options: ClientOptions = {}): Promise<Client> {
    const client = new Client(port, clientId, options);
    await client.#answered(1);
    return client;
  }

  async subscribe(topicFilters: readonly string[], qos: number, identifier?: number): Promise<void> {
    for (let from = 0; from < topicFilters.length; from += FILTERS_PER_SUBSCRIBE) {
      const some = topicFilters.slice(from, from + FILTERS_PER_SUBSCRIBE);
      this.write(subscribeFrame(some, qos, this.version, identifier));
      await this.#answered(this.counter.others + 1);
    }
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#closed = true;
    this.#socket.resetAndDestroy();
  }

  /** Resolves when so many CONNACKs and SUBACKs have come in all. */
  #answered(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.counter.others >= count) {
        resolve();
        return;
      }
      const timer = setTimeout(
        () => reject(new Error("the broker did not answer CONNECT or SUBSCRIBE")),
        HANDSHAKE_TIMEOUT_MS,
      );
      this.#awaited = count;
      this.counter.isAwaitingOther = true;
      this.#wake = () => {
        this.#awaited = Infinity;
        this.counter.isAwaitingOther = false;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Runs `connect` for the numbers below `count`, many at a time; the results are in the order of the numbers. */
export async function connectAll<T>(count: number, connect: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < count; from += CONNECTING_MAX) {
    const some = Array.from({ length: Math.min(CONNECTING_MAX, count - from) }, (_, index) => connect(from + index));
    results.push(...(await Promise.all(some)));
  }
  return results;
}
