import { setTimeout as sleep } from "node:timers/promises";
import { Cleaner } from "./cleaner.ts";
import { Growth, LeftSockets, mebibytes } from "./growth.ts";
import { HonestClient } from "./honest-client.ts";
import { HonestPair } from "./honest-pair.ts";
import { sequenceOf } from "./scenarios/index.ts";
import type { Case, Sequence, Transport } from "./sequence.ts";
import { ServerProcess } from "./server-process.ts";
import { type Sent, Workers } from "./workers.ts";

/** After so long, everything is taken away and counted. */
const ROUND_MS = 60_000;
const SAMPLE_MS = 500;

export interface RunOptions {
  /** Path of the server's program, to be run with Node. */
  readonly program: string;
  /** Sequences, or what they are made from. */
  readonly cases: Iterable<Case | Sequence>;
  readonly transports: readonly Transport[];
  /** Infinity: until there are no more cases. */
  readonly seconds: number;
  readonly workers: number;
  /** Counts what is alive in the server at the end: exact, and takes the server some seconds. */
  readonly countsObjects: boolean;
  /** Told how it goes, a line each. */
  readonly log: (line: string) => void;
}

export interface Failure {
  readonly violation: Error;
  /** The sequences that may have caused it: one where it is known. */
  readonly suspects: readonly Sent[];
}

/** Sends the sequences to a new server. @returns what went wrong; undefined if nothing did */
export async function runFuzz(options: RunOptions): Promise<Failure | undefined> {
  const run = new Run(options);
  return await run.run();
}

class Run {
  readonly #options: RunOptions;
  readonly #cleaner = new Cleaner();
  readonly #pair = new HonestPair((violation) => this.#fail(violation));
  #server!: ServerProcess;
  #workers!: Workers;
  /** Whose port it was last. */
  readonly #casesByPort = new Map<number, Case>();
  #failure: Failure | undefined;
  /** Resolves at the first failure. */
  readonly #failed: Promise<void>;
  #resolveFailed!: () => void;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
  }

  async run(): Promise<Failure | undefined> {
    const { program, cases, transports, workers } = this.#options;
    this.#server = await ServerProcess.start(program, (violation) => this.#fail(violation));
    this.#workers = new Workers({
      cases: cases[Symbol.iterator](),
      transports,
      count: workers,
      ports: this.#server.ports,
      onViolation: (violation, by) => this.#fail(violation, [by]),
      onSent: (sent) => this.#note(sent),
    });
    try {
      await Promise.race([this.#attack().catch((error: unknown) => this.#fail(error as Error)), this.#failed]);
    } finally {
      this.#workers.stop();
      this.#pair.stop();
      await this.#server.stop();
    }
    return this.#failure;
  }

  async #attack(): Promise<void> {
    const { tcp } = this.#server.ports;
    await this.#pair.start(tcp);
    (await HonestClient.connect(tcp, 5)).close();
    await sleep(300);
    await this.#pair.pause();
    const growth = await Growth.start(this.#server, this.#options.countsObjects);
    const endMs = performance.now() + this.#options.seconds * 1000;
    do {
      this.#pair.go();
      await this.#sample(growth, this.#workers.run(Math.min(endMs, performance.now() + ROUND_MS)));
      await this.#cleaner.clean(tcp);
      await this.#pair.pause();
      const grown = await growth.compare();
      const { sequences, connections } = this.#workers;
      const { messages, latencyMsMax } = this.#pair;
      this.#options.log(
        `${sequences} sequences, ${connections} connections; ${messages} honest messages, the slowest in ` +
          `${Math.round(latencyMsMax)} ms; at most ${mebibytes(growth.residentBytesMax)}; ${grown}`,
      );
    } while (performance.now() < endMs && !this.#workers.isExhausted && this.#failure === undefined);
  }

  async #sample(growth: Growth, work: Promise<void>): Promise<void> {
    const over = work.then(() => true);
    do await growth.sample();
    while (!(await Promise.race([over, sleep(SAMPLE_MS, false)])));
  }

  #suspects(violation: Error): Sent[] {
    const { suspects } = this.#workers;
    // The server names the peers that it refuses.
    const peers = new Set(
      Array.from(violation.message.matchAll(/\brefused 127\.0\.0\.1:(\d+)/g), ([, port]) => Number(port)),
    );
    const named = suspects.filter(({ connections }) => connections.some(({ localPort }) => peers.has(localPort)));
    if (!(violation instanceof LeftSockets)) return named.length > 0 ? named : suspects;
    const cases = violation.sockets.map(({ peerPort }) => this.#casesByPort.get(peerPort));
    const known = new Map(cases.flatMap((one) => (one === undefined ? [] : [[one.index, one]])));
    return [...known.values()].map((one) => ({ sequence: sequenceOf(one), connections: [], endedAtMs: 0 }));
  }

  #note({ sequence, connections }: Sent): void {
    const { seed, index } = sequence;
    for (const { localPort } of connections) this.#casesByPort.set(localPort, { seed, index });
    for (const { shadow, assignedIds } of connections)
      this.#cleaner.note([...shadow.clientIds, ...assignedIds], shadow.retainedTopics);
  }

  #fail(violation: Error, suspects: readonly Sent[] = this.#suspects(violation)): void {
    this.#failure ??= { violation, suspects };
    this.#resolveFailed();
  }
}
