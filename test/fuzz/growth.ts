import { setTimeout as sleep } from "node:timers/promises";
import type { Heap } from "./heap.ts";
import type { OpenSocket, ServerProcess } from "./server-process.ts";
import { Violation } from "./violation.ts";

const MiB = 1024 * 1024;
/** What is compiled on the way, caches that have an end, and chance. */
const HEAP_SLACK_BYTES = 32 * MiB;
/** The memory that V8 keeps for the next time. */
const RESIDENT_SLACK_BYTES = 400 * MiB;
/** Whatever is sent, at any time. */
const RESIDENT_BYTES_MAX = 1536 * MiB;
/** Connections linger for 2 s. */
const CLOSED_WITHIN_MS = 6_000;

/** Objects of which as many must be left as there were; the bundler may add a digit to their names. */
const COUNTED = /^_?(Session|Connection|Link|TcpStream|WebSocketStream|WebSocket|IncomingMessage)\d*$/;

interface Before {
  readonly heap: Heap | undefined;
  readonly resident: number;
  /** Ports of the peers. */
  readonly sockets: ReadonlySet<number>;
}

/** Connections that the server keeps although their clients are gone. */
export class LeftSockets extends Violation {
  readonly sockets: readonly OpenSocket[];

  constructor(sockets: readonly OpenSocket[]) {
    const list = sockets.map(({ localPort, peerPort, state }) => `${state} from ${peerPort} to ${localPort}`);
    super(`the server keeps ${list.length} sockets: ${list.slice(0, 10).join(", ")}`);
    this.sockets = sockets;
  }
}

/** Watches the server's memory and sockets: at the end there must not be more of them than at the start. */
export class Growth {
  residentBytesMax = 0;
  readonly #server: ServerProcess;
  readonly #before: Before;

  private constructor(server: ServerProcess, before: Before) {
    this.#server = server;
    this.#before = before;
  }

  /** Call it when the server has warmed up, and is idle. */
  static async start(server: ServerProcess, countsObjects: boolean): Promise<Growth> {
    const heap = countsObjects ? await server.heap() : undefined;
    return new Growth(server, {
      heap,
      resident: await server.residentBytes(),
      sockets: new Set((await server.sockets()).map(({ peerPort }) => peerPort)),
    });
  }

  /** While sequences are sent. */
  async sample(): Promise<void> {
    const bytes = await this.#server.residentBytes();
    this.residentBytesMax = Math.max(this.residentBytesMax, bytes);
    if (bytes > RESIDENT_BYTES_MAX) throw new Violation(`the server takes ${mebibytes(bytes)} of memory`);
  }

  /** When nobody but the honest clients is left, idle. @returns a line that says how much has grown */
  async compare(): Promise<string> {
    const { heap, resident, sockets } = this.#before;
    const dueAt = performance.now() + CLOSED_WITHIN_MS;
    for (;;) {
      const left = (await this.#server.sockets()).filter(({ peerPort }) => !sockets.has(peerPort));
      if (left.length === 0) break;
      if (performance.now() > dueAt) throw new LeftSockets(left);
      await sleep(100);
    }
    const residentNow = await this.#server.residentBytes();
    if (residentNow > resident + RESIDENT_SLACK_BYTES) {
      throw new Violation(
        `the server takes ${mebibytes(residentNow)} of memory at rest, and took ${mebibytes(resident)}`,
      );
    }
    const residentText = `resident ${mebibytes(resident)} → ${mebibytes(residentNow)}`;
    if (heap === undefined) return residentText;
    const heapNow = await this.#server.heap();
    checkHeap(heap, heapNow);
    return `objects ${mebibytes(heap.bytes)} → ${mebibytes(heapNow.bytes)}, ${residentText}`;
  }
}

/** @throws Violation if much more is alive than before, or more of what belongs to connections and sessions */
function checkHeap(before: Heap, now: Heap): void {
  for (const [name, count] of now.counts) {
    const countBefore = before.counts.get(name) ?? 0;
    if (COUNTED.test(name) && count > countBefore) {
      throw new Violation(`${count} objects of ${name} are alive, ${countBefore} were before`);
    }
  }
  if (now.bytes <= before.bytes + HEAP_SLACK_BYTES) return;
  const sizes = `${mebibytes(now.bytes)} of objects are alive, ${mebibytes(before.bytes)} were before`;
  throw new Violation(`${sizes}: ${grown(before, now)}`);
}

/** The classes that have grown most. */
function grown(before: Heap, now: Heap): string {
  const growth = [...now.counts].map(([name, count]) => ({ name, by: count - (before.counts.get(name) ?? 0) }));
  const most = growth.sort((one, other) => other.by - one.by).slice(0, 8);
  return most.map(({ name, by }) => `${name} +${by}`).join(", ");
}

export const mebibytes = (bytes: number): string => `${Math.round(bytes / MiB)} MiB`;
