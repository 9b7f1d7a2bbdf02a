import { setTimeout as sleep } from "node:timers/promises";
import type { Measurement } from "../measurement.ts";
import type { Retained } from "../scenarios.ts";
import { Client } from "./client.ts";
import { publishRing } from "./frames.ts";
import { between, sample, type Target, type Workload } from "./workload.ts";

const PUBLISHES_AT_A_TIME = 500;
const TIMEOUT_MS = 20_000;

/** Reads all retained messages with `#`, as a new client each time. */
export class RetainedReader implements Workload {
  readonly #target: Target;
  readonly #messages: number;

  private constructor(target: Target, { messages }: Retained) {
    this.#target = target;
    this.#messages = messages;
  }

  static async create(target: Target, retained: Retained): Promise<RetainedReader> {
    const reader = new RetainedReader(target, retained);
    await reader.#publish();
    // The first time is that of compilers.
    await reader.measure();
    return reader;
  }

  async measure(): Promise<Measurement> {
    let check = () => {};
    const client = await Client.connect(this.#target.port, "reader", { onRead: () => check() });
    const before = sample(this.#target, 0);
    const all = new Promise<void>((resolve) => {
      check = () => {
        if (client.counter.publishes >= this.#messages) resolve();
      };
    });
    await Promise.all([client.subscribe(["#"], 0), Promise.race([all, sleep(TIMEOUT_MS, undefined, { ref: false })])]);
    const after = sample(this.#target, client.counter.publishes);
    client.close();
    const lost = this.#messages - client.counter.publishes;
    return { ...between(before, after, this.#target), ms: after.atMs - before.atMs, lost };
  }

  async #publish(): Promise<void> {
    const count = this.#messages;
    const topicNames = Array.from({ length: count }, (_, index) => {
      const number = String(index).padStart(6, "0");
      return `retained/${number.slice(0, 3)}/${number.slice(3)}`;
    });
    let acknowledged = () => {};
    const client = await Client.connect(this.#target.port, "keeper", { onRead: () => acknowledged() });
    for (let sent = 0; sent < count; sent += PUBLISHES_AT_A_TIME) {
      const some = topicNames.slice(sent, sent + PUBLISHES_AT_A_TIME);
      const options = { payloadBytes: 64, qos: 1, version: 4, withProperties: false, retain: true } as const;
      client.write(publishRing({ ...options, topicNames: some, count: some.length }).bytes);
      await new Promise<void>((resolve) => {
        acknowledged = () => {
          if (client.counter.acknowledgements >= sent + some.length) resolve();
        };
      });
    }
    client.close();
  }
}
