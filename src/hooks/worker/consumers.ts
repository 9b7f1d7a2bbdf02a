/** The consumers of a Worker, which outlive its reloads. */
import { Consumer, type ConsumerPorts, clientIdOf, sessionPrefixOf } from "./consumer.ts";
import type { ConsumerConfiguration } from "./configuration.ts";

export interface ConsumersPorts extends ConsumerPorts {
  /**
   * Ends the sessions of this prefix, but those that are wanted.
   * @returns those that have ended, and how many messages waited in them
   */
  readonly endSessions: (
    prefix: string,
    isWanted: (clientId: string) => boolean,
  ) => readonly { readonly clientId: string; readonly messages: number }[];
}

export class Consumers {
  readonly #ports: ConsumersPorts;
  /** By what they were made for. */
  #running = new Map<string, Consumer>();

  constructor(ports: ConsumersPorts) {
    this.#ports = ports;
  }

  /** Runs these and no others. New ones are held. */
  set(worker: string, configurations: readonly ConsumerConfiguration[]): void {
    const wanted = new Map(configurations.map((each) => [JSON.stringify([worker, each]), each]));
    for (const [key, consumer] of this.#running) {
      if (wanted.has(key)) continue;
      consumer.close();
      this.#running.delete(key);
    }
    const clientIds = new Set(configurations.map((each) => clientIdOf(worker, each)));
    for (const { clientId, messages } of this.#ports.endSessions(sessionPrefixOf(worker), (id) => clientIds.has(id))) {
      const lost = messages === 0 ? "" : `; ${messages} messages that waited for it are gone`;
      this.#ports.warn(
        `the consumer ${clientId.slice(sessionPrefixOf(worker).length)} is not configured any more${lost}`,
      );
    }
    for (const [key, configuration] of wanted) {
      if (!this.#running.has(key)) this.#running.set(key, new Consumer({ ...this.#ports, worker, configuration }));
    }
  }

  /** Resolves when no answer is awaited any more. */
  async hold(): Promise<void> {
    await Promise.all([...this.#running.values()].map((consumer) => consumer.hold()));
  }

  release(): void {
    for (const consumer of this.#running.values()) consumer.release();
  }

  close(): void {
    for (const consumer of this.#running.values()) consumer.close();
    this.#running = new Map();
  }
}
