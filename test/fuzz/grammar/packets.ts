/** Packets that the codec's encoder takes: what a client may say, and what only a broken one does. */
import {
  type Connect,
  type Packet,
  PacketType,
  type ProtocolVersion,
  type Publish,
  type QoS,
  ReasonCode,
  type Subscribe,
  type SubscriptionRequest,
  encode,
  isReasonCodeOf,
} from "../../../src/codec/index.ts";
import type { Random } from "../../simulation/random.ts";
import { clientId, noise, payload, text, topicFilter, topicName } from "./names.ts";
import { WILL, someProperties } from "./properties.ts";

const QOS: readonly QoS[] = [0, 1, 2];
const CODES = Object.values(ReasonCode);

export const qos = (random: Random): QoS => random.pick(QOS);
export const version = (random: Random): ProtocolVersion => random.pick([5, 5, 5, 4, 4, 3]);

/** Few, so that they are used twice. */
export const packetId = (random: Random): number => random.pick([1, 1, 2, 2, 3, 4, 5, 100, 0x00ff, 0x0100, 0xffff]);

export function connect(random: Random, fixed: Partial<Connect> = {}): Connect {
  const protocolVersion = fixed.protocolVersion ?? version(random);
  const hasUser = random.chance(0.1);
  const topic = topicName(random);
  const packet: Connect = {
    type: PacketType.CONNECT,
    protocolVersion,
    cleanStart: random.chance(0.6),
    keepAlive: random.pick([0, 0, 10, 60, 0xffff]),
    clientId: clientId(random),
    username: hasUser ? text(random) : undefined,
    password: hasUser && random.chance(0.15) ? Buffer.from(text(random)) : undefined,
    will: random.chance(0.3)
      ? {
          topic,
          payload: noise(random, random.pick([0, 5, 200, 65_535])),
          qos: qos(random),
          retain: random.chance(0.2),
          properties: protocolVersion === 5 ? someProperties(random, WILL) : undefined,
        }
      : undefined,
    properties: protocolVersion === 5 ? someProperties(random, PacketType.CONNECT) : undefined,
  };
  if (protocolVersion === 5 && random.chance(0.02)) {
    packet.properties = {
      ...packet.properties,
      authenticationMethod: text(random),
      authenticationData: noise(random, 20),
    };
  }
  return { ...packet, ...fixed };
}

export function publish(random: Random, fixed: Partial<Publish> = {}): Publish {
  const level = fixed.qos ?? qos(random);
  const properties = someProperties(random, PacketType.PUBLISH, 0.12);
  const hasTopic = properties?.topicAlias === undefined || random.chance(0.6);
  return {
    type: PacketType.PUBLISH,
    topic: hasTopic ? topicName(random) : "",
    payload: payload(random),
    qos: level,
    retain: random.chance(0.08),
    dup: level > 0 && random.chance(0.2),
    packetId: level === 0 ? 0 : packetId(random),
    properties,
    ...fixed,
  };
}

export function subscription(random: Random, filter = topicFilter(random)): SubscriptionRequest {
  return {
    topicFilter: filter,
    qos: qos(random),
    noLocal: random.chance(0.1) && !filter.startsWith("$share/"),
    retainAsPublished: random.chance(0.3),
    retainHandling: random.pick([0, 1, 2] as const),
  };
}

export function subscribe(random: Random, count = random.between(1, 4)): Subscribe {
  return {
    type: PacketType.SUBSCRIBE,
    packetId: packetId(random),
    subscriptions: Array.from({ length: count }, () => subscription(random)),
    properties: someProperties(random, PacketType.SUBSCRIBE),
  };
}

/** A packet of the type, as a connected client may send it. */
export function acknowledgement(random: Random, type: 4 | 5 | 6 | 7, id = packetId(random)): Packet {
  const reasonCode = random.chance(0.7) ? 0 : random.pick(CODES.filter((code) => isReasonCodeOf(type, code)));
  return { type, packetId: id, reasonCode, properties: someProperties(random, type, 0.05) };
}

/** Any packet that comes after CONNECT. */
export function anyPacket(random: Random): Packet {
  const kind = random.weighted({
    publish: 30,
    subscribe: 12,
    unsubscribe: 5,
    acknowledgement: 12,
    pingreq: 4,
    auth: 1,
    wrong: 1,
  });
  switch (kind) {
    case "publish":
      return publish(random);
    case "subscribe":
      return subscribe(random);
    case "unsubscribe":
      return {
        type: PacketType.UNSUBSCRIBE,
        packetId: packetId(random),
        topicFilters: Array.from({ length: random.between(1, 4) }, () => topicFilter(random)),
        properties: someProperties(random, PacketType.UNSUBSCRIBE),
      };
    case "acknowledgement":
      return acknowledgement(random, random.pick([4, 5, 6, 7] as const));
    case "pingreq":
      return { type: PacketType.PINGREQ };
    case "auth":
      return {
        type: PacketType.AUTH,
        reasonCode: random.pick([0, 0x18, 0x19]),
        properties: someProperties(random, PacketType.AUTH),
      };
    case "wrong":
      return wrongPacket(random);
  }
}

/** One that only servers send, or that comes too late. */
export function wrongPacket(random: Random): Packet {
  return random.pick<Packet>([
    connect(random),
    { type: PacketType.CONNACK, sessionPresent: false, reasonCode: 0 },
    { type: PacketType.SUBACK, packetId: packetId(random), reasonCodes: [0] },
    { type: PacketType.UNSUBACK, packetId: packetId(random), reasonCodes: [0] },
    { type: PacketType.PINGRESP },
  ]);
}

export function disconnect(random: Random): Packet {
  const reasonCode = random.pick(CODES.filter((code) => isReasonCodeOf(PacketType.DISCONNECT, code)));
  return { type: PacketType.DISCONNECT, reasonCode, properties: someProperties(random, PacketType.DISCONNECT) };
}

/** The packet's bytes; a short PINGREQ where the version has no such packet or the encoder refuses it. */
export function bytesOf(packet: Packet, protocolVersion: ProtocolVersion): Buffer {
  if (packet.type === PacketType.AUTH && protocolVersion < 5) return Buffer.from([0xf0, 0]);
  try {
    return encode(packet, protocolVersion);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return Buffer.from([0xc0, 0]);
    throw error;
  }
}
