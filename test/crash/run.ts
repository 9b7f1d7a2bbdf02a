import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Random } from "../simulation/random.ts";
import type { Client, World } from "./client.ts";
import { Ledger } from "./ledger.ts";
import { type Population, createPopulation } from "./population.ts";
import { cutPower } from "./power-cut.ts";
import { checkRetained } from "./reader.ts";
import { Server, type ServerSettings, dataFolder } from "./server.ts";
import { type Subscriber, describeTrouble } from "./subscriber.ts";
import { Violation } from "./violation.ts";

export interface RunOptions {
  /** The server's. */
  readonly program: string;
  /** Of the project. */
  readonly root: string;
  readonly seed: number;
  readonly kills: number;
  /** As the server's option says it. */
  readonly fsync: string;
  /** How long to wait in the end for what must come. */
  readonly settleMsMax?: number;
  log(line: string): void;
}

export interface Failure {
  readonly message: string;
  /** What the server left. */
  readonly folder: string;
}

/** Messages of each publisher in a life of the server. */
const BUDGET = [20, 300] as const;
const LIFE_MS = [20, 900] as const;
/** Of a life that waits for acknowledgements. */
const LIFE_MS_MAX = 4000;
/** How many lives end before the server listens, or has clients; and how long they are at most. */
const DEATH_AT_START = 0.15;
const START_MS = 800;
/** How long a server still lives at most after some of its clients have become deaf. */
const DEAF_MS = 40;
const SETTLE_MS_MAX = 90_000;
const POLL_MS = 10;

/** @returns the first failure, if there is one */
export async function runCrash(options: RunOptions): Promise<Failure | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), "pubsub-crash-"));
  const run = new Run(options, folder);
  try {
    await run.run();
    await rm(folder, { recursive: true, force: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { message: [...run.history, error.message].join("\n"), folder };
  } finally {
    await run.end();
  }
}

class Run implements World {
  readonly ledger = new Ledger();
  port: number | undefined;
  life = 0;
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #settings: ServerSettings;
  readonly #population: Population;
  readonly #failed: Promise<never>;
  #reject!: (error: Error) => void;
  #onAcknowledged = (): void => {};
  /** What was done to the journal. */
  readonly history: string[] = [];
  #server: Server | undefined;
  #kills = 0;
  #cuts = 0;

  constructor(options: RunOptions, folder: string) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const syncs = path.join(folder, "syncs");
    const script = pathToFileURL(path.join(options.root, "test/crash/record-syncs.mjs")).href;
    const losesPower = options.fsync === "always" && process.platform === "linux";
    const { program, fsync } = options;
    this.#settings = { program, folder, fsync, recorder: losesPower ? { script, syncs } : undefined };
    this.#population = createPopulation(this, this.#random, () => this.#onAcknowledged());
    this.#failed = new Promise((_, reject) => (this.#reject = reject));
    // Whoever waits for something else at the time is not to blame.
    this.#failed.catch(() => {});
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  async run(): Promise<void> {
    const { recorder } = this.#settings;
    if (recorder !== undefined) await writeFile(recorder.syncs, "");
    for (const subscriber of this.#population.subscribers) subscriber.start();
    for (const client of [...this.#population.publishers, ...this.#population.testators]) client.comeOnline();
    while (this.#kills < this.#options.kills) await Promise.race([this.#liveAndDie(), this.#failed]);
    await Promise.race([this.#settle(), this.#failed]);
    const { acknowledged, delivered, repeated } = this.ledger;
    const cuts = recorder === undefined ? "" : `, power lost with unsynced bytes ${this.#cuts} times`;
    const counts = `${acknowledged} messages acknowledged, ${delivered} deliveries, ${repeated} repetitions`;
    this.#options.log(`killed ${this.#kills} times${cuts}: ${counts}; nothing was lost`);
  }

  async end(): Promise<void> {
    for (const client of this.#population.all) client.stop();
    await this.#server?.end();
  }

  // ---- lives of the server

  async #liveAndDie(): Promise<void> {
    const random = this.#random;
    const server = (this.#server = await Server.spawn(this.#settings));
    this.life++;
    if (random.chance(DEATH_AT_START)) await sleep(random.below(START_MS));
    else {
      const port = await server.ready();
      const budgets = this.#population.publishers.map(() => random.between(...BUDGET));
      const death = this.#momentOfDeath(budgets.reduce((sum, budget) => sum + budget, 0));
      for (const [index, publisher] of this.#population.publishers.entries()) publisher.grant(budgets[index]!);
      this.#isUp(port);
      const retained = checkRetained(this, port, this.life);
      await Promise.race([Promise.all([death, retained]), this.#failed]);
      // What it does now, some will not hear of.
      for (const client of this.#population.all) if (random.chance(0.4)) client.becomeDeaf();
      await sleep(random.below(DEAF_MS));
    }
    this.port = undefined;
    await server.kill();
    for (const client of this.#population.all) client.serverDied();
    this.#kills++;
    await this.#cutPower();
  }

  /** After so many acknowledgements, or so many milliseconds. */
  async #momentOfDeath(budget: number): Promise<void> {
    const random = this.#random;
    if (random.chance(0.4)) {
      await sleep(random.between(...LIFE_MS));
      return;
    }
    let left = random.between(1, budget);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LIFE_MS_MAX);
      this.#onAcknowledged = () => {
        if (--left > 0) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onAcknowledged = () => {};
  }

  /** Clients read what the dead server has sent, and come back. */
  #isUp(port: number): void {
    this.port = port;
    for (const client of this.#population.all) client.serverMayBeUp();
  }

  async #cutPower(): Promise<void> {
    const { recorder } = this.#settings;
    if (recorder === undefined || this.#random.chance(0.3)) return;
    const cuts = await cutPower(path.join(dataFolder(this.#settings), "journal"), recorder.syncs, this.#random);
    if (cuts.length > 0) this.#cuts++;
    for (const cut of cuts) this.history.push(`after start ${this.life}: ${cut}`);
  }

  // ---- the end

  /** Everybody comes back and waits for what is owed; then the server is stopped and started once more. */
  async #settle(): Promise<void> {
    const { publishers, subscribers, testators, all } = this.#population;
    const server = (this.#server = await Server.spawn(this.#settings));
    this.life++;
    const port = await server.ready();
    for (const client of [...subscribers, ...testators]) client.settle();
    this.#isUp(port);
    await this.#until(() => publishers.every(({ isIdle }) => isIdle), "every message is acknowledged", publishers);
    await this.#until(
      () => subscribers.every(({ isSettled }) => isSettled),
      "every SUBSCRIBE is answered",
      subscribers,
    );
    await this.#until(() => testators.every(({ isSettled }) => isSettled), "every will is published", testators);
    // Behind everything else, in every session.
    const ends = publishers.map((publisher) => publisher.publishEnd());
    const hasEnds = (subscriber: Subscriber) =>
      ends.every((end) => subscriber.subscriptions.some(({ received }) => received.has(end)));
    await this.#until(() => subscribers.every(hasEnds), "the last messages arrive", subscribers);
    this.#checkComplete();
    await checkRetained(this, port, this.life);

    this.port = undefined;
    await server.stop();
    const last = (this.#server = await Server.spawn(this.#settings));
    this.life++;
    this.#isUp(await last.ready());
    await this.#until(() => all.every(({ isConnected }) => isConnected), "everybody is back", all);
    await checkRetained(this, this.port!, this.life);
  }

  /** @throws Violation if it takes too long */
  async #until(isTrue: () => boolean, what: string, clients: readonly Client[]): Promise<void> {
    const { settleMsMax = SETTLE_MS_MAX } = this.#options;
    const dueAt = performance.now() + settleMsMax;
    while (!isTrue()) {
      if (performance.now() > dueAt) {
        const traces = clients.map((client) => client.describeTrace()).join("\n");
        throw new Violation(`after ${settleMsMax / 1000} s it is not true that ${what}\n${traces}`);
      }
      await Promise.race([sleep(POLL_MS), this.#failed]);
    }
  }

  #checkComplete(): void {
    for (const subscriber of this.#population.subscribers) {
      const missing = subscriber.missing();
      if (missing.length === 0) continue;
      const { subscriptions, name } = subscriber;
      const matching = subscriptions.filter((one) => one.matches(missing[0]!.topic));
      const trouble = describeTrouble("the first is", missing[0]!, matching);
      throw new Violation(`${name} never got ${missing.length} messages; ${trouble}\n${subscriber.describeTrace()}`);
    }
  }
}
