import { type Packet, PacketType } from "../../src/codec/index.ts";
import type { Random } from "../simulation/random.ts";
import { Client, type Version, type World } from "./client.ts";
import { type Message, describeMessage, payloadOf } from "./ledger.ts";
import { Violation } from "./violation.ts";

interface Outgoing {
  readonly message: Message;
  readonly packetId: number;
  readonly retain: boolean;
  /** How often PUBREL was sent. */
  releases: number;
}

const NO_MATCHING_SUBSCRIBERS = 0x10;
const PACKET_ID_NOT_FOUND = 0x92;
const TOPICS = 3;

/** Keeps a window of messages under way, and after each connection goes on where it stopped. */
export class Publisher extends Client {
  /** Messages that it may still send. */
  budget = 0;
  readonly #window: number;
  /** By packet identifier, in the order in which they were sent. */
  readonly #inflight = new Map<number, Outgoing>();
  #lastPacketId = 0;
  readonly #onAcknowledged: () => void;

  constructor(
    world: World,
    name: string,
    version: Version,
    random: Random,
    { window, onAcknowledged }: { window: number; onAcknowledged: () => void },
  ) {
    super(world, name, version, random);
    this.#window = window;
    this.#onAcknowledged = onAcknowledged;
  }

  get isIdle(): boolean {
    return this.#inflight.size === 0 && this.budget === 0;
  }

  /** More to send. */
  grant(messages: number): void {
    this.budget = messages;
    if (this.isConnected) this.#fill();
  }

  /** Everybody subscribes to `end/#`. */
  publishEnd(): Message {
    return this.#publish(`end/${this.name}`, 2, 40, false);
  }

  /** In the order in which they were sent first. [MQTT-4.4.0-1] [MQTT-4.6.0-1] */
  protected override connected(): void {
    for (const outgoing of this.#inflight.values()) {
      if (outgoing.releases > 0) this.#sendRelease(outgoing);
      else this.#sendPublish(outgoing);
    }
    this.#fill();
  }

  protected override lost(): void {}

  protected override handle(packet: Packet): void {
    switch (packet.type) {
      case PacketType.PUBACK: {
        const outgoing = this.#expect(packet.packetId, "PUBACK", ({ message }) => message.qos === 1);
        this.#acknowledge(outgoing, packet.reasonCode);
        this.#inflight.delete(packet.packetId);
        this.#fill();
        return;
      }
      case PacketType.PUBREC: {
        const isDue = ({ message, releases }: Outgoing) => message.qos === 2 && releases === 0;
        const outgoing = this.#expect(packet.packetId, "PUBREC", isDue);
        this.#acknowledge(outgoing, packet.reasonCode);
        this.#sendRelease(outgoing);
        return;
      }
      case PacketType.PUBCOMP: {
        const { message, releases } = this.#expect(packet.packetId, "PUBCOMP", (outgoing) => outgoing.releases > 0);
        // Once it was sent again, an earlier PUBREL may have arrived whose PUBCOMP did not.
        const isForgotten = packet.reasonCode === PACKET_ID_NOT_FOUND && releases === 1;
        if (isForgotten) throw new Violation(`forgotten between PUBREC and PUBREL: ${describeMessage(message)}`);
        this.#inflight.delete(packet.packetId);
        this.#fill();
        return;
      }
      default:
        throw new Violation(`a publisher got a packet of type ${packet.type}`);
    }
  }

  #expect(packetId: number, what: string, isDue: (outgoing: Outgoing) => boolean): Outgoing {
    const outgoing = this.#inflight.get(packetId);
    if (outgoing !== undefined && isDue(outgoing)) return outgoing;
    throw new Violation(`${what} with packet id ${packetId}, under which nothing waits for it`);
  }

  #acknowledge({ message }: Outgoing, reasonCode: number): void {
    if (reasonCode !== 0 && reasonCode !== NO_MATCHING_SUBSCRIBERS) {
      throw new Violation(`refused with 0x${reasonCode.toString(16)}: ${describeMessage(message)}`);
    }
    message.acknowledgedAt = this.world.ledger.tick();
    this.world.ledger.acknowledged++;
    this.#onAcknowledged();
  }

  #fill(): void {
    while (this.budget > 0 && this.#inflight.size < this.#window) {
      this.budget--;
      this.#publishAnything();
    }
  }

  #publishAnything(): void {
    const { random, name } = this;
    const kind = random.weighted({ t: 8, r: 1, d: 1 });
    const isDeletion = kind === "d" && random.chance(0.4);
    const number = random.below(TOPICS);
    const topic = `${kind}/${name}/${number}`;
    // One QoS for each topic with a retained message: one of QoS 1 that is sent again would come after the next of QoS 2.
    const qos = kind === "t" ? random.pick([1, 2] as const) : number % 2 === 0 ? 1 : 2;
    this.#publish(topic, qos, isDeletion ? 0 : payloadLength(random), kind !== "t");
  }

  #publish(topic: string, qos: 1 | 2, length: number, retain: boolean): Message {
    const message = this.world.ledger.create(topic, qos, length);
    const packetId = this.#newPacketId();
    const outgoing = { message, packetId, retain, releases: 0 };
    this.#inflight.set(packetId, outgoing);
    if (this.isConnected) this.#sendPublish(outgoing);
    return message;
  }

  #sendPublish({ message, packetId, retain }: Outgoing): void {
    const { topic, qos } = message;
    const dup = message.timesSent++ > 0;
    this.send({ type: PacketType.PUBLISH, topic, payload: payloadOf(message), qos, retain, dup, packetId });
  }

  #sendRelease(outgoing: Outgoing): void {
    outgoing.releases++;
    this.send({ type: PacketType.PUBREL, packetId: outgoing.packetId, reasonCode: 0 });
  }

  /** From few, so that one which is not forgotten in time is missed soon. */
  #newPacketId(): number {
    do this.#lastPacketId = (this.#lastPacketId % (2 * this.#window)) + 1;
    while (this.#inflight.has(this.#lastPacketId));
    return this.#lastPacketId;
  }
}

/** Most are small, some take several pages of the disk. */
function payloadLength(random: Random): number {
  const size = random.weighted({ small: 85, medium: 13, large: 2 });
  if (size === "small") return random.between(20, 300);
  return size === "medium" ? random.between(300, 6000) : random.between(6000, 120_000);
}
