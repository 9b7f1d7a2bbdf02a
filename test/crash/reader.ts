import { type Packet, PacketType, type Publish } from "../../src/codec/index.ts";
import type { World } from "./client.ts";
import { type Message, describeMessage } from "./ledger.ts";
import { Link } from "./link.ts";
import { Violation } from "./violation.ts";

/** Topics with retained messages: those that are never removed, and those that are. */
const FILTERS = ["r/#", "d/#"];

/**
 * Reads all retained messages, and compares them with what the publishers saw acknowledged: the last one, or one after it
 * that was sent already.
 * @returns false if the connection ended before
 * @throws Violation
 */
export async function checkRetained(world: World, port: number, life: number): Promise<boolean> {
  const { ledger } = world;
  const topics = [...ledger.topics()].filter((topic) => topic.startsWith("r/") || topic.startsWith("d/"));
  const acknowledged = new Map(topics.map((topic) => [topic, lastAcknowledged(ledger.messages(topic))]));
  const retained = await readRetained(port, `reader-${life}`);
  if (retained === undefined) return false;
  const found = new Map(retained.map((packet) => [packet.topic, ledger.find(packet)]));
  for (const packet of retained) if (!acknowledged.has(packet.topic)) acknowledged.set(packet.topic, -1);
  for (const [topic, first] of acknowledged) {
    const messages = ledger.messages(topic);
    const message = found.get(topic);
    // All that could be there: nothing, if nothing was acknowledged; the last that was, or one of those after it.
    const isRight =
      message === undefined
        ? first === -1 || messages.slice(first).some(({ length }) => length === 0)
        : message.position >= first;
    if (isRight) continue;
    const is = message === undefined ? "nothing" : describeMessage(message);
    throw new Violation(
      `retained on ${topic} is ${is} after start ${life}, but acknowledged was ${describeMessage(messages[first]!)}`,
    );
  }
  return true;
}

function lastAcknowledged(messages: readonly Message[]): number {
  return messages.findLastIndex(({ acknowledgedAt }) => acknowledgedAt !== Infinity);
}

/** @returns undefined if the connection ended before */
function readRetained(port: number, clientId: string): Promise<Publish[] | undefined> {
  return new Promise((resolve, reject) => {
    const retained: Publish[] = [];
    const handle = (packet: Packet): void => {
      if (packet.type === PacketType.PUBLISH && packet.retain) retained.push(packet);
      // It follows what was sent before.
      if (packet.type !== PacketType.PINGRESP) return;
      resolve(retained);
      link.destroy();
    };
    const link = new Link(port, 5, {
      onOpen: () => {
        const connect = { cleanStart: true, keepAlive: 0, clientId } as const;
        link.send({ type: PacketType.CONNECT, protocolVersion: 5, ...connect });
        const rest = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
        const subscriptions = FILTERS.map((topicFilter) => ({ topicFilter, ...rest }));
        link.send({ type: PacketType.SUBSCRIBE, packetId: 1, subscriptions });
        link.send({ type: PacketType.PINGREQ });
      },
      onPacket: handle,
      onClose: () => resolve(undefined),
      onError: reject,
    });
  });
}
