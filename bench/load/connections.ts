/** Connections that come at once, and connections that stay. */
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Measurement } from "../measurement.ts";
import { residentBytes } from "../process.ts";
import type { Connects, Idle } from "../scenarios.ts";
import { connectFrame } from "./frames.ts";
import { between, sample, type Target, type Workload } from "./workload.ts";

/** For a broker to clean up, and for its memory to come to rest. */
const SETTLE_MS = 700;
/** So many take compilers until they are done with the code for a connection. */
const WARM_UP_CONNECTIONS = 12_000;

/** How many clients connect in a second, so many of them at the same time. */
export class ConnectStorm implements Workload {
  readonly #target: Target;
  readonly #connects: Connects;

  private constructor(target: Target, connects: Connects) {
    this.#target = target;
    this.#connects = connects;
  }

  static async create(target: Target, connects: Connects): Promise<ConnectStorm> {
    const storm = new ConnectStorm(target, connects);
    for (let count = 0; count < WARM_UP_CONNECTIONS; count += connects.connections) await storm.measure();
    return storm;
  }

  async measure(): Promise<Measurement> {
    const { connections, concurrency } = this.#connects;
    const before = sample(this.#target, 0);
    const sockets = await openAll(this.#target.port, connections, concurrency);
    const after = sample(this.#target, connections);
    for (const socket of sockets) socket.resetAndDestroy();
    await sleep(SETTLE_MS);
    return { ...between(before, after, this.#target), ms: after.atMs - before.atMs };
  }
}

/** Memory that connections take which do nothing: of a broker that has had none before. */
export class IdleConnections implements Workload {
  readonly #target: Target;
  readonly #connections: number;

  constructor(target: Target, { connections }: Idle) {
    this.#target = target;
    this.#connections = connections;
  }

  async measure(): Promise<Measurement> {
    const { port, pid } = this.#target;
    await sleep(SETTLE_MS);
    const before = residentBytes(pid);
    const sockets = await openAll(port, this.#connections, 100);
    await sleep(SETTLE_MS);
    const memoryBytes = residentBytes(pid);
    for (const socket of sockets) socket.resetAndDestroy();
    return { memoryBytes, bytesPerConnection: (memoryBytes - before) / this.#connections };
  }
}

/** Connects so many clients; each sends CONNECT at once and is counted when something comes back. */
function openAll(port: number, count: number, concurrency: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  let answered = 0;
  return new Promise((resolve, reject) => {
    const open = () => {
      const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
      socket.write(connectFrame(`client-${sockets.length}`, 4));
      sockets.push(socket);
      socket.once("error", reject);
      socket.once("data", () => {
        if (++answered === count) resolve(sockets);
        else if (sockets.length < count) open();
      });
    };
    for (let index = 0; index < Math.min(concurrency, count); index++) open();
  });
}
