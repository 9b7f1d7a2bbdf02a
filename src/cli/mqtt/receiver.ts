/** The receiving side of a connection: a message is acknowledged when it has been taken, at QoS 2 when it is released. */
import { type Publish, PacketType } from "../../codec/index.ts";
import type { ReceivedMessage } from "../messages/received-message.ts";
import type { Outbox } from "./outbox.ts";

/** Takes a message; the next one waits for the promise, and so does the acknowledgement. */
export type OnMessage = (message: ReceivedMessage) => Promise<void> | undefined | void;

export class Receiver {
  readonly #outbox: Outbox;
  readonly #onMessage: OnMessage | undefined;
  /** Messages of QoS 2 that wait for their release. [MQTT-4.3.3-10] */
  readonly #unreleased = new Map<number, Publish>();

  constructor(outbox: Outbox, onMessage: OnMessage | undefined) {
    this.#outbox = outbox;
    this.#onMessage = onMessage;
  }

  /**
   * @returns a promise where what follows is to wait
   * @throws what taking the message throws; or rejects with it
   */
  publish(packet: Publish): Promise<void> | undefined {
    const { qos, packetId } = packet;
    if (qos === 2) {
      this.#unreleased.set(packetId, packet);
      this.#outbox.send({ type: PacketType.PUBREC, packetId, reasonCode: 0 });
      return undefined;
    }
    return this.#deliver(packet, () => {
      if (qos === 1) this.#outbox.send({ type: PacketType.PUBACK, packetId, reasonCode: 0 });
    });
  }

  /** PUBREL; the result is that of `publish`. */
  release(packetId: number): Promise<void> | undefined {
    const packet = this.#unreleased.get(packetId);
    this.#unreleased.delete(packetId);
    const complete = () => this.#outbox.send({ type: PacketType.PUBCOMP, packetId, reasonCode: 0 });
    if (packet) return this.#deliver(packet, complete);
    complete();
    return undefined;
  }

  #deliver(packet: Publish, acknowledge: () => void): Promise<void> | undefined {
    const { topic, payload, qos, retain, dup, packetId, properties } = packet;
    const messageId = qos === 0 ? undefined : packetId;
    const taken = this.#onMessage?.({ topic, payload, qos, retain, dup, messageId, properties, time: new Date() });
    if (taken) return taken.then(acknowledge);
    acknowledge();
    return undefined;
  }
}
