/** What the tests of the conformance table have in common. */
import { test } from "vitest";
import { type Connect, type Packet, PacketType, type Properties, encodedLength } from "../../src/codec/index.ts";
import type { TestClient } from "../broker/harness.ts";

export { PacketType, ReasonCode } from "../../src/codec/index.ts";
export { TestBroker, TestClient } from "../broker/harness.ts";

export type Version = 4 | 5;

/**
 * Runs a test in both versions, named by the numbers of each: the name begins with those of 5.0, `[MQTT-…]`, and of
 * 3.1.1, `[3.1.1 MQTT-…]`.
 */
export function both(name: string, run: (version: Version) => void | Promise<void>): void {
  const numbers = name.match(/\[[^\]]*MQTT-[^\]]+\]/g) ?? [];
  const title = name.replaceAll(/\[[^\]]*MQTT-[^\]]+\] /g, "");
  const isOld = (number: string) => number.startsWith("[3.1.1 ");
  test(`${numbers.filter((number) => !isOld(number)).join(" ")} ${title}`, () => run(5));
  test(`${numbers.filter(isOld).join(" ")} ${title}`, () => run(4));
}

/** CONNECT options for a session that lasts: in 5.0 for `seconds`, in 3.1.1 for good. */
export function lasting(version: Version = 5, properties: Properties = {}, seconds = 3600): Partial<Connect> {
  if (version === 4) return { protocolVersion: 4, cleanStart: false };
  return { cleanStart: false, properties: { sessionExpiryInterval: seconds, ...properties } };
}

export const will = (topic: string, payload = "gone", more: Partial<NonNullable<Connect["will"]>> = {}) => ({
  will: { topic, payload: Buffer.from(payload), qos: 0 as const, retain: false, ...more },
});

export const puback = (packetId: number, reasonCode = 0) => ({ type: PacketType.PUBACK, packetId, reasonCode });
export const pubrec = (packetId: number, reasonCode = 0) => ({ type: PacketType.PUBREC, packetId, reasonCode });
export const pubrel = (packetId: number, reasonCode = 0) => ({ type: PacketType.PUBREL, packetId, reasonCode });
export const pubcomp = (packetId: number, reasonCode = 0) => ({ type: PacketType.PUBCOMP, packetId, reasonCode });
export const unsubscribe = (packetId: number, ...topicFilters: string[]): Packet => ({
  type: PacketType.UNSUBSCRIBE,
  packetId,
  topicFilters,
});
export const subscribe = (packetId: number, ...filters: (string | [filter: string, qos: 0 | 1 | 2])[]): Packet => ({
  type: PacketType.SUBSCRIBE,
  packetId,
  subscriptions: filters.map((each) => {
    const [topicFilter, qos] = typeof each === "string" ? [each, 0 as const] : each;
    return { topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 };
  }),
});
export const disconnected = (reasonCode: number) => ({ type: PacketType.DISCONNECT, reasonCode });

/** The types of packets, by their names. */
export function typesOf(packets: Packet[]): string[] {
  return packets.map(({ type }) => Object.entries(PacketType).find(([, number]) => number === type)![0]);
}

/** What a client got last: a DISCONNECT's reason code, or undefined where it was only closed or is open. */
export function disconnectCode(client: TestClient): number | undefined {
  const last = client.take().at(-1);
  return last?.type === PacketType.DISCONNECT ? last.reasonCode : undefined;
}

/** The size of a received packet in bytes, fixed header included. */
export const sizeOf = (packet: Packet): number => encodedLength(packet, 5);
