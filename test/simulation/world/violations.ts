/** Packets that the standard forbids a client. The broker must end the connection, and do nothing else. */
import { type Packet, PacketType, type Publish, encode } from "../../../src/codec/index.ts";
import type { Device } from "./device.ts";

type Violation = (device: Device) => Packet | Buffer;

const PUBLISH: Publish = {
  type: PacketType.PUBLISH,
  topic: "a",
  payload: Buffer.from("forbidden"),
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
};

const violations: readonly Violation[] = [
  // [MQTT-3.1.0-2]
  ({ version, clientId }) => ({
    type: PacketType.CONNECT,
    protocolVersion: version,
    cleanStart: true,
    keepAlive: 0,
    clientId,
  }),
  () => ({ type: PacketType.PINGRESP }),
  () => ({ type: PacketType.SUBACK, packetId: 1, reasonCodes: [0] }),
  () => Buffer.from([0x00, 0x00]),
  () => Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]),
  // [MQTT-3.3.1-4]
  () => Buffer.from([0x36, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01]),
  () => ({ ...PUBLISH, topic: "a/+" }),
  () => ({ ...PUBLISH, topic: "1/2/3/4/5/6/7/8/9" }),
  () => ({ ...PUBLISH, payload: Buffer.alloc(5000) }),
  ({ version }) => (version === 5 ? { ...PUBLISH, properties: { topicAlias: 60_000 } } : { ...PUBLISH, topic: "#" }),
  ({ version }) =>
    version === 5 ? { ...PUBLISH, topic: "", properties: { topicAlias: 1 } } : { ...PUBLISH, topic: "+" },
  ({ version }) =>
    version === 5 ? { ...PUBLISH, properties: { subscriptionIdentifiers: [1] } } : { ...PUBLISH, topic: "" },
  ({ version }) => ({
    ...PUBLISH,
    payload: Buffer.from([0xff]),
    ...(version === 5 && { properties: { payloadFormatIndicator: 1 } }),
  }),
  ({ version }) =>
    version === 5
      ? { type: PacketType.AUTH, reasonCode: 0x18, properties: { authenticationMethod: "x" } }
      : Buffer.from([0xf0, 0x00]),
  () => ({
    type: PacketType.SUBSCRIBE,
    packetId: 99,
    subscriptions: [{ topicFilter: "$share/g/a", qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 0 }],
  }),
  ({ world }) => ({
    type: world.random.pick([PacketType.PUBACK, PacketType.PUBCOMP]),
    packetId: world.random.between(1, 5),
    reasonCode: 0,
  }),
  ({ world }) => ({ type: PacketType.PUBREC, packetId: world.random.between(1, 5), reasonCode: 0 }),
];

export function violate(device: Device): void {
  const { random, settings } = device.world;
  if (random.chance(0.1)) {
    exceedReceiveMaximum(device, settings.limits.receiveMaximum);
    return;
  }
  const forbidden = random.pick(violations)(device);
  device.link?.write(Buffer.isBuffer(forbidden) ? forbidden : encode(forbidden, device.version));
}

/** [MQTT-3.3.4-7] */
function exceedReceiveMaximum(device: Device, receiveMaximum: number): void {
  for (let packetId = 1000; packetId <= 1000 + receiveMaximum; packetId++) {
    device.send({ ...PUBLISH, payload: device.nextPayload(), qos: 2, packetId });
  }
}
