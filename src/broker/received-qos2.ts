import { PacketIds } from "./packet-ids.ts";
import type { QueuedPublish } from "./publish-queue.ts";

/** The QoS 2 messages of a client that arrived and are not released, by packet identifier. [MQTT-4.3.3-10] */
export class ReceivedQos2 {
  readonly #packetIds = new PacketIds();
  /** Those that wait for a hook. */
  #pending: Map<number, QueuedPublish> | undefined;

  has(packetId: number): boolean {
    return this.#packetIds.has(packetId);
  }

  /** The message, while it waits for the verdict of a hook. */
  pending(packetId: number): QueuedPublish | undefined {
    return this.#pending?.get(packetId);
  }

  /** @param pending undefined where no verdict is awaited, or any more */
  set(packetId: number, pending: QueuedPublish | undefined): void {
    this.#packetIds.add(packetId);
    if (pending !== undefined) (this.#pending ??= new Map()).set(packetId, pending);
    else this.#pending?.delete(packetId);
  }

  /** @returns true if it was there */
  delete(packetId: number): boolean {
    this.#pending?.delete(packetId);
    return this.#packetIds.delete(packetId);
  }

  clear(): void {
    this.#packetIds.clear();
    this.#pending = undefined;
  }

  [Symbol.iterator](): IterableIterator<number> {
    return this.#packetIds[Symbol.iterator]();
  }
}
