import {
  type Connack,
  type Packet,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type Publish,
  type QoS,
  encode,
} from "../../../src/codec/index.ts";
import { act } from "./behaviour.ts";
import { ClientAuthentication } from "./client-authentication.ts";
import { drawConnect } from "./connect-options.ts";
import type { Link, Receiver } from "./link.ts";
import type { World } from "./world.ts";

/** A message that the device has sent and that is not complete. */
interface Outbound {
  readonly packet: Publish;
  isReleased: boolean;
}

/** A client: what it must keep for its session, and how it behaves. */
export class Device implements Receiver {
  readonly world: World;
  clientId: string;
  link: Link | undefined;
  version: ProtocolVersion = 5;
  /** CONNACK has come. */
  isOnline = false;
  isReading = true;
  /** Acknowledges nothing on this connection. */
  isSilent = false;

  readonly authentication = new ClientAuthentication(this);
  readonly outbound = new Map<number, Outbound>();
  readonly #received = new Set<number>();
  /** Packet identifiers of SUBSCRIBE and UNSUBSCRIBE. */
  readonly #requests = new Set<number>();
  readonly #aliases = new Map<string, number>();
  #topicAliasMaximum = 0;
  #cleanStart = true;
  /** Grows when the session starts anew. */
  #epoch = 0;
  #messages = 0;

  constructor(world: World, clientId: string) {
    this.world = world;
    this.clientId = clientId;
  }

  /** Acts now and then, until the end of the run. */
  thinkLater(): void {
    const { random, settings } = this.world;
    const isAway = this.link === undefined && random.chance(0.1);
    this.world.later(random.below(settings.thinkMsMax) + (isAway ? random.below(100_000) : 0), () => {
      if (this.world.isCalm) return;
      act(this);
      this.thinkLater();
    });
  }

  // ---- connecting

  /** Opens a connection; the one there is, if any, is forgotten. */
  connect(): void {
    const { random, isCalm } = this.world;
    const connect = drawConnect(this.world, this.clientId, this.version);
    this.version = connect.protocolVersion;
    this.#cleanStart = connect.cleanStart;
    this.authentication.connected(connect.properties?.authenticationMethod);
    this.isOnline = false;
    this.isReading = true;
    this.isSilent = !isCalm && this.has("lostAcks") && random.chance(0.1);
    this.#aliases.clear();
    this.#requests.clear();
    this.link = this.world.openLink(this);
    this.send(connect);
  }

  /** Ends the connection without a word to the broker. */
  drop(how: "cut" | "vanish" | "halfClose"): void {
    const { link } = this;
    if (how === "cut") link?.cut();
    else if (how === "vanish") link?.vanish();
    else link?.halfClose();
    if (how !== "halfClose") this.#offline();
  }

  disconnect(reasonCode: number, properties?: Properties): void {
    const packet: Packet = { type: PacketType.DISCONNECT, reasonCode };
    if (properties !== undefined) packet.properties = properties;
    this.send(packet);
    this.link?.halfClose();
    this.#offline();
  }

  #offline(): void {
    this.link = undefined;
    this.isOnline = false;
  }

  onEnd(link: Link): void {
    if (link === this.link) this.#offline();
  }

  // ---- sending

  send(packet: Packet): void {
    this.link?.write(encode(packet, this.version));
  }

  publish(topic: string, payload: Buffer, qos: QoS, retain: boolean, properties: Properties | undefined): void {
    const packetId = qos === 0 ? 0 : this.#unusedPacketId();
    if (packetId === undefined) return;
    const packet: Publish = { type: PacketType.PUBLISH, topic, payload, qos, retain, dup: false, packetId };
    if (properties !== undefined) packet.properties = properties;
    if (qos > 0) this.outbound.set(packetId, { packet, isReleased: false });
    this.send(this.has("aliases") ? this.#withAlias(packet) : packet);
  }

  nextPayload(): Buffer {
    const { random } = this.world;
    const size = random.chance(0.05) ? 600 : random.below(60);
    return Buffer.from(`${this.clientId}:${++this.#messages}:`.padEnd(size, "."));
  }

  /** @param make the packet, with an unused packet identifier */
  request(make: (packetId: number) => Packet): void {
    const packetId = this.#unusedPacketId();
    if (packetId === undefined) return;
    this.#requests.add(packetId);
    this.send(make(packetId));
  }

  /** Sends again what is not complete; on another connection as the standard wants it, on this one as 3.x allows it. */
  resend(): void {
    for (const { packet, isReleased } of this.outbound.values()) {
      if (isReleased) this.send({ type: PacketType.PUBREL, packetId: packet.packetId, reasonCode: 0 });
      else this.send({ ...packet, dup: true });
    }
  }

  has(feature: Parameters<World["settings"]["features"]["has"]>[0]): boolean {
    return this.world.settings.features.has(feature);
  }

  /** undefined while as much is under way as the broker allows. Few identifiers are used, so that they come again soon. */
  #unusedPacketId(): number | undefined {
    const { random, settings } = this.world;
    if (this.outbound.size >= settings.limits.receiveMaximum || this.#requests.size > 10) return undefined;
    const isUsed = (id: number): boolean => this.outbound.has(id) || this.#requests.has(id);
    let packetId = random.between(1, 40);
    while (isUsed(packetId)) packetId++;
    return packetId;
  }

  #withAlias(packet: Publish): Publish {
    const { random } = this.world;
    if (this.version !== 5 || this.#topicAliasMaximum === 0 || random.chance(0.3)) return packet;
    const known = this.#aliases.get(packet.topic);
    const topicAlias = known ?? random.between(1, this.#topicAliasMaximum);
    if (known === undefined) {
      for (const [topic, alias] of this.#aliases) if (alias === topicAlias) this.#aliases.delete(topic);
      this.#aliases.set(packet.topic, topicAlias);
    }
    const topic = known === undefined || random.chance(0.2) ? packet.topic : "";
    return { ...packet, topic, properties: { ...packet.properties, topicAlias } };
  }

  // ---- receiving

  onPacket(link: Link, packet: Packet): void {
    if (link !== this.link) return;
    switch (packet.type) {
      case PacketType.CONNACK:
        this.#connected(packet);
        return;
      case PacketType.PUBLISH:
        this.#receivePublish(packet);
        return;
      case PacketType.PUBACK:
      case PacketType.PUBCOMP:
        this.outbound.delete(packet.packetId);
        return;
      case PacketType.PUBREC:
        this.#receivePubrec(packet.packetId, packet.reasonCode);
        return;
      case PacketType.PUBREL: {
        const { packetId } = packet;
        const isKnown = this.#received.delete(packetId);
        this.#acknowledge({ type: PacketType.PUBCOMP, packetId, reasonCode: isKnown || this.version !== 5 ? 0 : 0x92 });
        return;
      }
      case PacketType.SUBACK:
      case PacketType.UNSUBACK:
        this.#requests.delete(packet.packetId);
        return;
      case PacketType.AUTH:
        this.authentication.receive(packet);
        return;
      default:
    }
  }

  #connected({ reasonCode, sessionPresent, properties }: Connack): void {
    if (reasonCode !== 0) return;
    // MQTT 3.1 does not say whether there was a session.
    if (this.version === 3 ? this.#cleanStart : !sessionPresent) {
      this.outbound.clear();
      this.#received.clear();
      this.#epoch++;
    }
    if (properties?.assignedClientIdentifier !== undefined) this.clientId = properties.assignedClientIdentifier;
    this.#topicAliasMaximum = properties?.topicAliasMaximum ?? 0;
    this.isOnline = true;
    this.resend();
  }

  #receivePublish({ qos, packetId }: Publish): void {
    if (qos === 0) return;
    if (qos === 1) {
      this.#acknowledge({ type: PacketType.PUBACK, packetId, reasonCode: this.#outcome() });
      return;
    }
    const reasonCode = this.#received.has(packetId) ? 0 : this.#outcome();
    if (reasonCode < 0x80) this.#received.add(packetId);
    this.#acknowledge({ type: PacketType.PUBREC, packetId, reasonCode });
  }

  #outcome(): number {
    const { random, isCalm } = this.world;
    return this.version === 5 && !isCalm && this.has("failingAcks") && random.chance(0.1) ? 0x83 : 0;
  }

  #receivePubrec(packetId: number, reasonCode: number): void {
    const outbound = this.outbound.get(packetId);
    if (reasonCode >= 0x80) this.outbound.delete(packetId);
    else if (outbound !== undefined) outbound.isReleased = true;
    if (reasonCode < 0x80) this.send({ type: PacketType.PUBREL, packetId, reasonCode: 0 });
  }

  /** At once, late, or never; perhaps on another connection than the one on which the packet came. */
  #acknowledge(packet: Packet): void {
    const { random, isCalm } = this.world;
    if (isCalm) {
      this.send(packet);
      return;
    }
    if (this.isSilent || (this.has("lostAcks") && random.chance(0.05))) return;
    const delayMs = this.has("lateAcks") && random.chance(0.5) ? random.below(random.pick([50, 1000, 10_000])) : 0;
    const epoch = this.#epoch;
    const { link } = this;
    const stays = random.chance(0.5);
    this.world.later(delayMs, () => {
      const isInTime = link === this.link || (stays && this.isOnline);
      if (epoch === this.#epoch && isInTime) this.send(packet);
    });
  }
}
