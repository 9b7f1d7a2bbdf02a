import type { Connection, Message, Outbox } from "../../../src/broker/index.ts";
import { publishPacket } from "../../../src/broker/index.ts";
import {
  type Acknowledgement,
  CodecError,
  Decoder,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type Publish,
  encode,
} from "../../../src/codec/index.ts";
import { Peer } from "../model/state.ts";
import { fail } from "../violation.ts";
import { describePacket } from "./describe.ts";
import type { World } from "./world.ts";

/** The client's end of a link. */
export interface Receiver {
  onPacket(link: Link, packet: Packet): void;
  onEnd(link: Link): void;
}

/** Stands for the end of a connection. */
const END = Buffer.alloc(0);

/**
 * One network connection: bytes that take their time, in pieces, both ways. On the broker's side it does what
 * src/runtime/link.ts does there, and checks what leaves.
 */
export class Link implements Outbox {
  readonly number: number;
  readonly #world: World;
  readonly #receiver: Receiver;
  #version: ProtocolVersion = 4;

  // The broker's end.
  connection: Connection | undefined;
  peer: Peer | undefined;
  isClosed = false;
  #isPaused = false;
  #hasEnded = false;
  readonly #decoder: Decoder;
  #leaving: Decoder | undefined;

  // The network.
  readonly #unsent: Buffer[] = [];
  /** Waits for the commit. */
  readonly #held: Buffer[] = [];
  unsentBytes = 0;
  #isTransmitting = false;
  #isReading = true;
  /** Nothing passes any more, and nobody is told. */
  #isBlackHole = false;
  #arrivalAtBrokerMs = 0;
  #arrivalAtClientMs = 0;

  // The client's end.
  #arriving: Decoder | undefined;

  constructor(world: World, number: number, receiver: Receiver) {
    this.#world = world;
    this.number = number;
    this.#receiver = receiver;
    this.#decoder = new Decoder({ maximumPacketSize: world.settings.limits.packetBytesMax });
  }

  // ---- the client's end

  /** Sends bytes, which arrive one after the other in pieces of any size. */
  write(bytes: Buffer): void {
    const { random } = this.#world;
    for (let start = 0; start < bytes.length;) {
      const end = random.chance(0.3) ? Math.min(bytes.length, start + 1 + random.below(20)) : bytes.length;
      const piece = bytes.subarray(start, end);
      this.#toBroker(() => this.#receive(piece));
      start = end;
    }
  }

  /** The client has nothing more to send, and goes on reading. */
  halfClose(): void {
    this.#toBroker(() => {
      this.#hasEnded = true;
      this.handlePackets();
    });
  }

  /** The network breaks the connection: both ends notice, each in its time. What is under way is lost. */
  cut(): void {
    this.vanish();
    this.#world.later(this.#world.drawDelayMs(), () => this.#lose());
    this.#world.later(this.#world.drawDelayMs(), () => this.#receiver.onEnd(this));
  }

  /** The network is gone, and nobody notices. */
  vanish(): void {
    this.#world.trace.add(`#${this.number} is cut`);
    this.#isBlackHole = true;
  }

  /** The broker's process dies. */
  die(): void {
    this.isClosed = true;
    this.connection = undefined;
    this.vanish();
    this.#world.later(this.#world.drawDelayMs(), () => this.#receiver.onEnd(this));
  }

  stopReading(): void {
    this.#isReading = false;
  }

  goOnReading(): void {
    this.#isReading = true;
    this.#transmitLater();
  }

  #toBroker(arrive: () => void): void {
    const world = this.#world;
    if (this.#isBlackHole) return;
    this.#arrivalAtBrokerMs = Math.max(this.#arrivalAtBrokerMs, world.now + world.drawDelayMs());
    world.at(this.#arrivalAtBrokerMs, () => {
      if (!this.#isBlackHole) arrive();
    });
  }

  // ---- the broker's end

  #receive(piece: Buffer): void {
    if (this.isClosed) return;
    this.#decoder.push(piece);
    this.handlePackets();
  }

  /** Passes on what has arrived, until the broker wants no more. */
  handlePackets(): void {
    while (!this.#isPaused && !this.isClosed) {
      let packet: Packet | undefined;
      try {
        packet = this.#decoder.next();
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        this.#refuse(error);
        return;
      }
      if (packet === undefined) {
        if (this.#hasEnded) this.#lose();
        return;
      }
      this.#pass(packet);
    }
  }

  #pass(packet: Packet): void {
    const world = this.#world;
    const line = `#${this.number} → ${describePacket(packet)}`;
    const { connection, peer } = this;
    if (connection !== undefined && peer !== undefined) {
      world.input(
        line,
        () => world.model.receive(peer, packet, world.now),
        () => world.broker.receive(connection, packet, world.now),
      );
      return;
    }
    if (packet.type !== PacketType.CONNECT) {
      this.#end();
      return;
    }
    this.#version = packet.protocolVersion;
    this.#leaving = new Decoder({ protocolVersion: this.#version });
    this.#arriving = new Decoder({ protocolVersion: this.#version });
    const opened = new Peer(this.number, packet, () => this.congested, world.settings.limits.connectTimeoutMs);
    this.peer = opened;
    world.input(
      line,
      () => world.model.connect(opened, world.now),
      () => {
        this.connection = world.broker.connect(this, packet, world.now);
      },
    );
  }

  #refuse({ reasonCode, message }: CodecError): void {
    const world = this.#world;
    const { connection, peer } = this;
    if (connection === undefined || peer === undefined) {
      this.#end();
      return;
    }
    world.input(
      `#${this.number} → malformed 0x${reasonCode.toString(16)} ${message}`,
      () => world.model.malformed(peer, reasonCode, world.now),
      () => world.broker.malformed(connection, reasonCode, message, world.now),
    );
  }

  #lose(): void {
    const world = this.#world;
    const { connection, peer } = this;
    if (connection === undefined || peer === undefined) {
      this.#end();
      return;
    }
    world.input(
      `#${this.number} lost`,
      () => world.model.lost(peer, world.now),
      () => world.broker.connectionLost(connection, world.now),
    );
  }

  // ---- Outbox

  get congested(): boolean {
    return this.unsentBytes > this.#world.settings.limits.unsentBytesMax;
  }

  send(packet: Packet): void {
    if (this.isClosed || this.#world.isDoomed) return;
    const [decoded, size] = this.#encode(packet);
    if (decoded.type === PacketType.PUBLISH) fail("publish-without-message", describePacket(decoded));
    this.#world.model.sent(this.peer!, decoded, size);
  }

  acknowledge(type: Acknowledgement["type"], packetId: number): void {
    this.send({ type, packetId, reasonCode: 0 });
  }

  publish(message: Message, ...how: Rest<Parameters<Outbox["publish"]>>): void {
    if (this.isClosed || this.#world.isDoomed) return;
    const [packet, size] = this.#encode(publishPacket(message, ...how));
    const [, , , , identifiers = []] = how;
    const origin = { id: message.id, identifiers };
    this.#world.model.published(this.peer!, packet as Publish, size, origin, this.#world.now);
  }

  /** What the simulation watches is never passed on unseen. */
  forward(): void {
    fail("publish-without-message", "frames were forwarded");
  }

  /** @returns the packet as the client will read it, and its size in bytes */
  #encode(packet: Packet): [Packet, number] {
    const bytes = encode(packet, this.#version);
    this.#leaving!.push(bytes);
    const decoded = this.#leaving!.next();
    if (decoded === undefined) fail("codec", `${describePacket(packet)} is encoded as ${bytes.toString("hex")}`);
    this.#world.trace.add(`  #${this.number} ← ${describePacket(decoded)}`);
    this.unsentBytes += bytes.length;
    this.#leave(bytes);
    return [decoded, bytes.length];
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#world.handleLater(this);
  }

  close(): void {
    if (this.isClosed) return;
    if (this.#world.isDoomed) {
      this.die();
      return;
    }
    this.#world.model.closed(this.peer!);
    this.#end();
  }

  #end(): void {
    this.isClosed = true;
    this.#leave(END);
  }

  /** Passes on to the network, as soon as everything so far is committed. */
  #leave(bytes: Buffer): void {
    if (this.#world.isStalled) {
      this.#held.push(bytes);
      this.#world.noteHolding(this);
    } else {
      this.#unsent.push(bytes);
      this.#transmitLater();
    }
  }

  /** Everything is committed. */
  letGo(): void {
    this.#unsent.push(...this.#held);
    this.#held.length = 0;
    this.#transmitLater();
  }

  // ---- from the broker to the client

  #transmitLater(): void {
    if (this.#isTransmitting || !this.#isReading || this.#isBlackHole) return;
    this.#isTransmitting = true;
    this.#world.later(this.#world.drawDelayMs(), () => this.#transmit());
  }

  /** Takes some of what is unsent to the client. */
  #transmit(): void {
    const world = this.#world;
    this.#isTransmitting = false;
    if (!this.#isReading || this.#isBlackHole) return;
    const wasCongested = this.congested;
    const piece = this.#take(world.random.chance(0.5) ? Infinity : 1 + world.random.below(300));
    if (piece.length > 0) this.#toClient(() => this.#deliver(piece));
    if (this.#unsent.length > 0) this.#transmitLater();
    else if (this.isClosed && this.#held.length === 0) this.#toClient(() => this.#receiver.onEnd(this));
    const { connection } = this;
    if (wasCongested && !this.congested && connection !== undefined && !this.isClosed) {
      world.input(`#${this.number} drained`, undefined, () => world.broker.drained(connection, world.now));
    }
  }

  #take(bytesMax: number): Buffer {
    const all = Buffer.concat(this.#unsent);
    const piece = all.subarray(0, Math.min(all.length, bytesMax));
    this.#unsent.length = 0;
    if (piece.length < all.length) this.#unsent.push(all.subarray(piece.length));
    this.unsentBytes -= piece.length;
    return piece;
  }

  #toClient(arrive: () => void): void {
    const world = this.#world;
    this.#arrivalAtClientMs = Math.max(this.#arrivalAtClientMs, world.now + world.drawDelayMs());
    world.at(this.#arrivalAtClientMs, () => {
      if (!this.#isBlackHole) arrive();
    });
  }

  #deliver(piece: Buffer): void {
    const decoder = this.#arriving!;
    decoder.push(piece);
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next())
      this.#receiver.onPacket(this, packet);
  }
}

type Rest<T extends unknown[]> = T extends [unknown, ...infer Others] ? Others : never;
