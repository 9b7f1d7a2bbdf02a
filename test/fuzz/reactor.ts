import { type Packet, PacketType, type ProtocolVersion, type Publish } from "../../src/codec/index.ts";
import { Random } from "../simulation/random.ts";
import { bytesOf } from "./grammar/packets.ts";
import { noise } from "./grammar/names.ts";
import type { Reaction } from "./sequence.ts";

/** Answers what the server sends, rightly or wrongly. */
export class Reactor {
  readonly #reaction: Reaction;
  readonly #random: Random;

  constructor(reaction: Reaction, seed: number) {
    this.#reaction = reaction;
    this.#random = new Random(seed);
  }

  /** @returns MQTT's bytes to send, possibly none */
  answer(packet: Packet, version: ProtocolVersion): Buffer {
    if (this.#reaction === "none") return Buffer.alloc(0);
    const due = dueAnswer(packet);
    if (due === undefined) return Buffer.alloc(0);
    const { type, packetId } = due;
    const answer = (changed: Partial<typeof due> = {}): Buffer => {
      return bytesOf({ type, packetId, reasonCode: 0, ...changed }, version);
    };
    switch (this.#reaction) {
      case "proper":
        return answer();
      case "wrong-id":
        return this.#random.chance(0.5) ? answer() : answer({ packetId: (packetId % 0xffff) + 1 });
      case "twice":
        return Buffer.concat([answer(), answer()]);
      case "crossed":
        return answer({ type: this.#random.pick([4, 5, 6, 7] as const) });
      case "failure":
        return answer({ reasonCode: this.#random.pick([0x80, 0x97, 0x92, 0]) });
      case "garbage":
        return this.#random.chance(0.8) ? answer() : noise(this.#random, 3);
    }
  }
}

interface Due {
  readonly type: 4 | 5 | 6 | 7;
  readonly packetId: number;
  readonly reasonCode?: number;
}

/** What a client owes for a packet, if anything. */
export function dueAnswer(packet: Packet): Due | undefined {
  switch (packet.type) {
    case PacketType.PUBLISH:
      return duePublish(packet);
    case PacketType.PUBREC:
      return packet.reasonCode < 0x80 ? { type: PacketType.PUBREL, packetId: packet.packetId } : undefined;
    case PacketType.PUBREL:
      return { type: PacketType.PUBCOMP, packetId: packet.packetId };
    default:
      return undefined;
  }
}

function duePublish({ qos, packetId }: Publish): Due | undefined {
  if (qos === 0) return undefined;
  return { type: qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, packetId };
}
