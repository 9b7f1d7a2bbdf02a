import { type Connect, type Packet, PacketType, type ProtocolVersion } from "../../src/codec/index.ts";
import type { Random } from "../simulation/random.ts";
import { bytesOf, connect } from "./grammar/packets.ts";
import type { Ending, Plan, Reaction, Step, Transport } from "./sequence.ts";
import { toFrames, upgradeRequest } from "./websocket.ts";

/** Writes down what one connection does, in terms of MQTT; what that is on the wire depends on the transport. */
export class Script {
  version: ProtocolVersion = 5;
  readonly transport: Transport;
  readonly random: Random;
  /** Packets so far, to be mixed into others. */
  readonly packets: Buffer[] = [];
  #reaction: Reaction = "none";
  #startMs = 0;
  readonly #steps: Step[] = [];

  /** @param isOpening false: WebSocket's request is the caller's business */
  constructor(random: Random, transport: Transport, isOpening = true) {
    this.random = random;
    this.transport = transport;
    if (transport === "ws" && isOpening) this.raw(upgradeRequest(random.pick(["/", "/mqtt", "/local/dev"]))).answer();
  }

  startAfter(ms: number): this {
    this.#startMs = ms;
    return this;
  }

  react(reaction: Reaction): this {
    this.#reaction = reaction;
    return this;
  }

  /** Sends CONNECT and mostly waits for the answer. */
  connect(fixed: Partial<Connect> = {}): this {
    const packet = connect(this.random, fixed);
    this.version = packet.protocolVersion;
    this.packet(packet);
    return this.random.chance(0.8) ? this.answer() : this;
  }

  packet(packet: Packet): this {
    const bytes = bytesOf(packet, this.version);
    this.packets.push(bytes);
    return this.bytes(bytes);
  }

  /** MQTT's bytes, in one piece or several. */
  bytes(bytes: Buffer): this {
    return this.raw(this.transport === "ws" ? toFrames(bytes, this.random) : bytes);
  }

  /** The network's bytes. */
  raw(bytes: Buffer): this {
    if (bytes.length === 0) return this;
    if (bytes.length > 1 && this.random.chance(0.1)) {
      const at = this.random.between(1, bytes.length - 1);
      this.#steps.push({ kind: "send", bytes: bytes.subarray(0, at) }, { kind: "wait", ms: this.random.below(5) });
      this.#steps.push({ kind: "send", bytes: bytes.subarray(at) });
    } else {
      this.#steps.push({ kind: "send", bytes });
    }
    return this;
  }

  wait(ms: number): this {
    this.#steps.push({ kind: "wait", ms });
    return this;
  }

  answer(): this {
    this.#steps.push({ kind: "answer" });
    return this;
  }

  read(on: boolean): this {
    this.#steps.push({ kind: "read", on });
    return this;
  }

  end(): this {
    this.#steps.push({ kind: "end" });
    return this;
  }

  reset(): this {
    this.#steps.push({ kind: "reset" });
    return this;
  }

  ping(): this {
    return this.packet({ type: PacketType.PINGREQ });
  }

  plan(ending: Ending = "probe", closedWithinMs = 0): Plan {
    return {
      transport: this.transport,
      startMs: this.#startMs,
      steps: this.#steps,
      reaction: this.#reaction,
      reactionSeed: this.random.next(),
      ending,
      closedWithinMs,
    };
  }
}
