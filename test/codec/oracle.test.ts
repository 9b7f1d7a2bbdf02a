/** mqtt-packet reads what we write, and we read what it writes: an implementation that shares no line with ours. */
import fc from "fast-check";
import mqttPacket from "mqtt-packet";
import { describe, expect, test } from "vitest";
import { Decoder, encode, PacketType } from "../../src/codec/index.ts";
import type { Packet, Properties, ProtocolVersion } from "../../src/codec/index.ts";
import { packetCases } from "../fixtures/packets/index.ts";
import { packets } from "./arbitraries.ts";
import { decodeAll, decoderFor } from "./support.ts";

type Foreign = Record<string, unknown>;

const booleans = new Set([
  "payloadFormatIndicator",
  "requestProblemInformation",
  "requestResponseInformation",
  "retainAvailable",
  "wildcardSubscriptionAvailable",
  "subscriptionIdentifiersAvailable",
  "sharedSubscriptionAvailable",
]);

function foreignProperties(properties: Properties | undefined): Foreign | undefined {
  if (properties === undefined) return undefined;
  const result: Foreign = {};
  for (const [name, value] of Object.entries(properties)) {
    if (name === "userProperties") {
      const pairs = Object.create(null) as Record<string, string | string[]>;
      for (const [key, one] of value as [string, string][]) {
        const before = pairs[key];
        pairs[key] = before === undefined ? one : Array.isArray(before) ? [...before, one] : [before, one];
      }
      result.userProperties = pairs;
    } else if (name === "subscriptionIdentifiers") {
      const list = value as number[];
      result.subscriptionIdentifier = list.length === 1 ? list[0] : list;
    } else if (name === "maximumQos") {
      result.maximumQoS = value;
    } else {
      result[name] = booleans.has(name) ? value === 1 : value;
    }
  }
  return result;
}

/** Our packet in mqtt-packet's words. */
function toForeign(packet: Packet, version: ProtocolVersion): Foreign {
  const properties = "properties" in packet ? foreignProperties(packet.properties) : undefined;
  const withProperties = (rest: Foreign): Foreign => (properties === undefined ? rest : { ...rest, properties });
  const names = Object.entries(PacketType);
  const cmd = names.find(([, type]) => type === packet.type)![0].toLowerCase();
  switch (packet.type) {
    case PacketType.CONNECT: {
      const { protocolVersion, cleanStart, keepAlive, clientId, username, password, will } = packet;
      const rest: Foreign = {
        cmd,
        protocolId: version === 3 ? "MQIsdp" : "MQTT",
        protocolVersion,
        clean: cleanStart,
        keepalive: keepAlive,
        clientId,
      };
      if (username !== undefined) rest.username = username;
      if (password !== undefined) rest.password = password;
      if (will !== undefined) {
        const { topic, payload, qos, retain } = will;
        rest.will = { topic, payload, qos, retain };
        if (will.properties !== undefined) (rest.will as Foreign).properties = foreignProperties(will.properties);
      }
      return withProperties(rest);
    }
    case PacketType.CONNACK:
      return withProperties({
        cmd,
        sessionPresent: packet.sessionPresent,
        [version === 5 ? "reasonCode" : "returnCode"]: packet.reasonCode,
      });
    case PacketType.PUBLISH: {
      const { topic, payload, qos, retain, dup, packetId } = packet;
      return withProperties({ cmd, topic, payload, qos, retain, dup, ...(qos > 0 ? { messageId: packetId } : {}) });
    }
    case PacketType.SUBSCRIBE:
      return withProperties({
        cmd,
        messageId: packet.packetId,
        subscriptions: packet.subscriptions.map(({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }) => ({
          topic: topicFilter,
          qos,
          ...(version === 5 ? { nl: noLocal, rap: retainAsPublished, rh: retainHandling } : {}),
        })),
      });
    case PacketType.SUBACK:
      return withProperties({ cmd, messageId: packet.packetId, granted: packet.reasonCodes });
    case PacketType.UNSUBSCRIBE:
      return withProperties({ cmd, messageId: packet.packetId, unsubscriptions: packet.topicFilters });
    case PacketType.UNSUBACK:
      return withProperties({
        cmd,
        messageId: packet.packetId,
        ...(version === 5 ? { granted: packet.reasonCodes } : {}),
      });
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
      return { cmd };
    case PacketType.DISCONNECT:
    case PacketType.AUTH:
      return withProperties({ cmd, ...(version === 5 ? { reasonCode: packet.reasonCode } : {}) });
    default:
      return withProperties({
        cmd,
        messageId: packet.packetId,
        ...(version === 5 ? { reasonCode: packet.reasonCode } : {}),
      });
  }
}

/** mqtt-packet forgets an empty value when the same name comes again. */
function forgetsUserProperty(properties: Properties | undefined): boolean {
  const pairs = properties?.userProperties ?? [];
  return pairs.some(([name, value], index) => value === "" && pairs.slice(index + 1).some(([later]) => later === name));
}

/** What mqtt-packet gets wrong when it reads. Each case was looked into. */
function isUnreadable(packet: Packet): boolean {
  if ("properties" in packet && forgetsUserProperty(packet.properties)) return true;
  if (packet.type === PacketType.CONNECT && forgetsUserProperty(packet.will?.properties)) return true;
  // An AUTH that ends before its reason code (§3.15.2.1).
  if (packet.type === PacketType.AUTH) return packet.reasonCode === 0 && packet.properties === undefined;
  // A reason code that it lacks (table 2-6).
  return packet.type === PacketType.DISCONNECT && packet.reasonCode === 0x8c;
}

/** What mqtt-packet refuses to write. */
function isUnwritable(packet: Packet, version: ProtocolVersion): boolean {
  if (packet.type === PacketType.CONNECT) {
    // 5.0 allows a password alone; that an empty client id is refused is the server's business.
    return (
      (packet.password !== undefined && packet.username === undefined) ||
      (packet.clientId === "" && (version === 3 || !packet.cleanStart))
    );
  }
  return false;
}

function foreignParse(bytes: Buffer, version: ProtocolVersion): Foreign {
  const parser = mqttPacket.parser({ protocolVersion: version });
  let result: unknown;
  parser.on("packet", (packet) => (result = packet));
  parser.on("error", (error: Error) => (result = error));
  parser.parse(bytes);
  if (result instanceof Error) throw result;
  return result as Foreign;
}

/** mqtt-packet's fixed-header fields, which it sets on every packet, are no part of the comparison. */
function expectSame(parsed: Foreign, expected: Foreign): void {
  const plain: Foreign = {};
  for (const key of Object.keys(expected)) plain[key] = parsed[key];
  expect(normal(plain)).toEqual(normal(expected));
  if (expected.properties === undefined) expect(parsed.properties).toBeUndefined();
}

/** Its user properties have no prototype, and its buffers may be slices: only the content counts. */
function normal(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, one: unknown) =>
      typeof one === "object" && one !== null && !Array.isArray(one) ? { ...one } : one,
    ),
  );
}

describe("our bytes, read by mqtt-packet", () => {
  test.each([3, 4, 5] as const)("arbitrary packets, version %i", (version) => {
    fc.assert(
      fc.property(packets(version), (packet) => {
        if (isUnreadable(packet)) return;
        expectSame(foreignParse(encode(packet, version), version), toForeign(packet, version));
      }),
      { numRuns: 400 },
    );
  });

  test("the table", () => {
    for (const { packet, versions } of packetCases) {
      for (const version of versions) {
        if (isUnreadable(packet)) continue;
        expectSame(foreignParse(encode(packet, version), version), toForeign(packet, version));
      }
    }
  });
});

describe("mqtt-packet's bytes, read by us", () => {
  /** Grouped by name, which is how mqtt-packet keeps user properties. */
  function comparable(packet: Packet, version: ProtocolVersion): unknown {
    return normal(toForeign(packet, version));
  }

  test.each([3, 4, 5] as const)("arbitrary packets, version %i", (version) => {
    fc.assert(
      fc.property(packets(version), (packet) => {
        if (isUnwritable(packet, version)) return;
        const generated = mqttPacket.generate(toForeign(packet, version) as never, { protocolVersion: version });
        const [decoded, ...more] = decodeAll([generated], decoderFor(packet, version));
        expect(more).toEqual([]);
        expect(comparable(decoded!, version)).toEqual(comparable(packet, version));
      }),
      { numRuns: 400 },
    );
  });
});

test("a client's whole conversation, read by us", () => {
  const decoder = new Decoder();
  const conversation = [
    { cmd: "connect", protocolId: "MQTT", protocolVersion: 5, clean: true, clientId: "c", keepalive: 10 },
    { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a/#", qos: 1, nl: true, rap: false, rh: 1 }] },
    { cmd: "publish", topic: "a/b", payload: "hello", qos: 2, messageId: 2, dup: false, retain: true },
    { cmd: "pubrel", messageId: 2, reasonCode: 0 },
    { cmd: "pingreq" },
    { cmd: "unsubscribe", messageId: 3, unsubscriptions: ["a/#"] },
    { cmd: "disconnect", reasonCode: 4, properties: { reasonString: "done" } },
  ];
  const stream = Buffer.concat(
    conversation.map((packet) => mqttPacket.generate(packet as never, { protocolVersion: 5 })),
  );
  expect(decodeAll([stream], decoder).map(({ type }) => type)).toEqual([1, 8, 3, 6, 12, 10, 14]);
  expect(decoder.protocolVersion).toBe(5);
});
