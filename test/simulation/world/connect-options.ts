import {
  type Connect,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type Will,
} from "../../../src/codec/index.ts";
import type { Feature } from "../settings.ts";
import type { World } from "./world.ts";

/** A CONNECT with options at random; in the calm at the end, one that resumes whatever session there is. */
export function drawConnect(world: World, clientId: string, lastVersion: ProtocolVersion): Connect {
  const { random, isCalm } = world;
  const has = (feature: Feature): boolean => world.settings.features.has(feature);
  if (isCalm) return calmConnect(world, clientId);
  const protocolVersion = has("mixedVersions") && random.chance(0.3) ? random.pick([3, 4, 5] as const) : lastVersion;
  const isAnonymous = random.chance(0.03);
  const cleanStart = !has("sessions") || random.chance(isAnonymous ? 0.7 : 0.25);
  const connect: Connect = {
    type: PacketType.CONNECT,
    protocolVersion,
    cleanStart,
    keepAlive: random.pick([0, 0, 5, 20, 60]),
    clientId: isAnonymous ? "" : clientId,
  };
  if (has("wills") && random.chance(0.6)) connect.will = drawWill(world, protocolVersion);
  if (protocolVersion !== 5) return connect;
  const properties: Properties = {};
  if (has("sessions")) properties.sessionExpiryInterval = random.pick([0, 1, 10, 100, 1000, 0xffffffff]);
  if (has("receiveMaximum")) properties.receiveMaximum = random.between(1, 6);
  if (has("packetSize") && random.chance(0.5)) properties.maximumPacketSize = random.between(80, 300);
  if (has("aliases") && random.chance(0.7)) properties.topicAliasMaximum = random.between(0, 3);
  if (random.chance(0.3)) properties.requestProblemInformation = random.pick([0, 1]);
  if (has("enhancedAuthentication") && random.chance(0.8)) properties.authenticationMethod = "simulated";
  connect.properties = properties;
  return connect;
}

function calmConnect({ random }: World, clientId: string): Connect {
  return {
    type: PacketType.CONNECT,
    protocolVersion: 5,
    cleanStart: false,
    keepAlive: 0,
    clientId,
    properties: { sessionExpiryInterval: 1000, receiveMaximum: random.between(1, 6) },
  };
}

function drawWill(world: World, version: ProtocolVersion): Will {
  const { random, settings, step } = world;
  const will: Will = {
    topic: random.pick(settings.topics),
    payload: Buffer.from(random.chance(0.05) ? "" : `will:${step}`),
    qos: random.below(3) as QoS,
    retain: settings.features.has("retain") && random.chance(0.3),
  };
  if (version !== 5) return will;
  const properties: Properties = {};
  if (random.chance(0.6)) properties.willDelayInterval = random.pick([0, 1, 5, 50]);
  if (settings.features.has("expiry") && random.chance(0.3))
    properties.messageExpiryInterval = random.pick([0, 1, 10, 100]);
  if (random.chance(0.3)) properties.correlationData = Buffer.from([step & 0xff]);
  will.properties = properties;
  return will;
}
