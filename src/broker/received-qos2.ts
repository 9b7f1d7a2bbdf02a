import { PacketIds } from "./packet-ids.ts";
import type { QueuedPublish } from "./publish-queue.ts";

/** The QoS 2 messages of a client that arrived and are not released, by packet identifier. [MQTT-4.3.3-10] */
export class ReceivedQos2 extends PacketIds {
  /** Those that wait for a hook. */
  #pending: Map<number, QueuedPublish> | undefined;

  /** The message, while it waits for the verdict of a hook. */
  pending(packetId: number): QueuedPublish | undefined {
    return this.#pending?.get(packetId);
  }

  /** @param pending undefined where no verdict is awaited, or any more */
  set(packetId: number, pending: QueuedPublish | undefined): void {
    this.add(packetId);
    if (pending !== undefined) (this.#pending ??= new Map()).set(packetId, pending);
    else this.#pending?.delete(packetId);
  }

  override delete(packetId: number): boolean {
    this.#pending?.delete(packetId);
    return super.delete(packetId);
  }

  override clear(): void {
    super.clear();
    this.#pending = undefined;
  }
}
