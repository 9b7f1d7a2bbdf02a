/** How long a broker takes to be there again with what it kept, and what that costs. */
import { setTimeout as sleep } from "node:timers/promises";
import { brokerKinds, newFolder, removeFolder, startBroker, type BrokerKind, type RunningBroker } from "./brokers.ts";
import { Client } from "./load/client.ts";
import { publishRing } from "./load/frames.ts";
import type { Measurement } from "./measurement.ts";
import { cpuSeconds, peakResidentBytes, residentBytes } from "./process.ts";
import type { Recovery } from "./scenarios.ts";

const GROUPS = 1000;
const PAYLOAD_BYTES = 150;
/** One to each group. */
const PUBLISHES_AT_A_TIME = GROUPS;

/** Topics of each group's queue; retained messages have one each. */
const QUEUED_TOPICS = 10;
const TAKE_TIMEOUT_MS = 20_000;

const clientIdOf = (group: number) => `away-${group}`;
const padded = (number: number, length: number) => String(number).padStart(length, "0");
const groupTopic = (group: number) => `recovery/site-${padded(group, 3)}`;
const topicOf = (group: number, device: number) => `${groupTopic(group)}/device-${padded(device, 6)}/state`;

/** A folder that a broker has filled, and left in good order. */
export class FilledFolder {
  readonly name: string;
  readonly #kind: BrokerKind;
  readonly #folder: string;
  readonly #work: Recovery;

  private constructor(name: string, folder: string, work: Recovery) {
    this.name = name;
    this.#kind = brokerKinds.find((kind) => kind.name === name)!;
    this.#folder = folder;
    this.#work = work;
  }

  static async create(name: string, work: Recovery): Promise<FilledFolder> {
    const filled = new FilledFolder(name, newFolder(), work);
    const broker = await filled.#start();
    try {
      await filled.#fill(broker);
    } finally {
      await broker.stop("SIGTERM");
    }
    return filled;
  }

  /** Starts the broker, and takes a part of what it has, to see that it is there. */
  async measure(): Promise<Measurement> {
    const broker = await this.#start();
    try {
      const { pid, startMs } = broker;
      const cost = {
        ms: startMs,
        cpuSeconds: cpuSeconds(pid),
        memoryBytes: residentBytes(pid),
        peakBytes: peakResidentBytes(pid),
      };
      const lost = this.#work.messages / GROUPS - (await this.#takeGroup(broker));
      return { ...cost, lost };
    } finally {
      // What was taken comes back with the next start.
      await broker.stop("SIGKILL");
    }
  }

  remove(): void {
    removeFolder(this.#folder);
  }

  #start(): Promise<RunningBroker> {
    return startBroker(this.#kind, { lastingFolder: this.#folder });
  }

  async #fill({ port }: RunningBroker): Promise<void> {
    const { what, messages } = this.#work;
    if (what === "queued") {
      for (let group = 0; group < GROUPS; group++) {
        const client = await Client.connect(port, clientIdOf(group), { lasting: true });
        await client.subscribe([`${groupTopic(group)}/#`], 1);
        client.close();
      }
    }
    let acknowledged = () => {};
    const client = await Client.connect(port, "filler", { onRead: () => acknowledged() });
    for (let sent = 0; sent < messages; sent += PUBLISHES_AT_A_TIME) {
      const round = sent / PUBLISHES_AT_A_TIME;
      const device = what === "queued" ? round % QUEUED_TOPICS : round;
      const topicNames = Array.from({ length: PUBLISHES_AT_A_TIME }, (_, group) => topicOf(group, device));
      const options = { payloadBytes: PAYLOAD_BYTES, qos: 1, version: 4, withProperties: false } as const;
      const retain = what === "retained";
      client.write(publishRing({ ...options, retain, topicNames, count: PUBLISHES_AT_A_TIME }).bytes);
      await new Promise<void>((resolve) => {
        acknowledged = () => {
          if (client.counter.acknowledgements >= sent + PUBLISHES_AT_A_TIME) resolve();
        };
      });
    }
    client.close();
  }

  /** @returns how many messages of a group came */
  async #takeGroup({ port }: RunningBroker): Promise<number> {
    const isQueued = this.#work.what === "queued";
    const wanted = this.#work.messages / GROUPS;
    let arrived = () => {};
    const client = await Client.connect(port, clientIdOf(7), { lasting: isQueued, onRead: () => arrived() });
    const all = new Promise<void>((resolve) => {
      arrived = () => {
        if (client.counter.publishes >= wanted) resolve();
      };
      arrived();
    });
    if (!isQueued) await client.subscribe([`${groupTopic(7)}/#`], 1);
    await Promise.race([all, sleep(TAKE_TIMEOUT_MS, undefined, { ref: false })]);
    client.close();
    return client.counter.publishes;
  }
}
