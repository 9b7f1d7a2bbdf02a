/** Packets that cannot be encoded: mistakes of this program, told in words. */
import { describe, expect, test } from "vitest";
import { CodecError, encode, encodedLength, encodeInto, PacketType } from "../../src/codec/index.ts";
import type { Connect, Packet, Properties, ProtocolVersion, Publish, Subscribe } from "../../src/codec/index.ts";
import { failureOf } from "./support.ts";

const publish: Publish = {
  type: PacketType.PUBLISH,
  topic: "a",
  payload: Buffer.from("x"),
  qos: 1,
  retain: false,
  dup: false,
  packetId: 1,
};
const connect: Connect = {
  type: PacketType.CONNECT,
  protocolVersion: 5,
  cleanStart: true,
  keepAlive: 0,
  clientId: "c",
};
const subscribe: Subscribe = {
  type: PacketType.SUBSCRIBE,
  packetId: 1,
  subscriptions: [{ topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
};
const withProperties = (properties: Properties): Packet => ({ ...publish, properties });
const any = (value: unknown): never => value as never;

const wrong: [
  name: string,
  packet: Packet,
  version: ProtocolVersion,
  kind: typeof RangeError | typeof TypeError,
  text: RegExp,
][] = [
  ["packet id 0", { ...publish, packetId: 0 }, 4, RangeError, /packetId.*1 to 65535, not 0/],
  ["packet id 65536", { ...publish, packetId: 65_536 }, 4, RangeError, /packetId/],
  ["packet id 1.5", { ...publish, packetId: 1.5 }, 4, RangeError, /packetId/],
  ["packet id NaN", { type: PacketType.PUBACK, packetId: Number.NaN, reasonCode: 0 }, 4, RangeError, /packetId/],
  ["packet id left out", any({ ...publish, packetId: undefined }), 4, RangeError, /packetId/],
  ["QoS 3", { ...publish, qos: any(3) }, 4, RangeError, /qos/],
  ["DUP at QoS 0", { ...publish, qos: 0, dup: true }, 4, TypeError, /dup/],
  ["long topic", { ...publish, topic: "a".repeat(65_536) }, 4, RangeError, /topic takes 65536 bytes.*65535/],
  [
    "topic that is long in UTF-8 only",
    { ...publish, topic: "é".repeat(32_768) },
    4,
    RangeError,
    /topic takes 65536 bytes/,
  ],
  ["topic with U+0000", { ...publish, topic: "a\0" }, 4, TypeError, /topic contains U\+0000/],
  ["topic with a high surrogate", { ...publish, topic: "a\ud800b" }, 4, TypeError, /lone surrogate/],
  ["topic with a high surrogate at the end", { ...publish, topic: "\ud800" }, 4, TypeError, /lone surrogate/],
  ["topic with a low surrogate", { ...publish, topic: "\udc00" }, 4, TypeError, /lone surrogate/],
  ["topic with surrogates in the wrong order", { ...publish, topic: "\udc00\ud800" }, 4, TypeError, /lone surrogate/],
  ["huge packet", { ...publish, payload: any({ length: 268_435_456 }) }, 4, RangeError, /MQTT allows 268435455/],
  ["unknown type", any({ type: 16 }), 4, TypeError, /unknown packet type 16/],
  ["type 0", any({ type: 0 }), 4, TypeError, /unknown packet type 0/],
  ["AUTH before 5.0", { type: PacketType.AUTH, reasonCode: 0 }, 4, TypeError, /AUTH/],
  [
    "PUBACK with a code of PUBREL",
    { type: PacketType.PUBACK, packetId: 1, reasonCode: 0x92 },
    5,
    RangeError,
    /PUBACK cannot carry reason code 0x92/,
  ],
  ["PUBREL with a code of PUBACK", { type: PacketType.PUBREL, packetId: 1, reasonCode: 0x10 }, 5, RangeError, /PUBREL/],
  [
    "CONNACK with a reason code before 5.0",
    { type: PacketType.CONNACK, sessionPresent: false, reasonCode: 0x87 },
    4,
    RangeError,
    /0 to 5, not 135/,
  ],
  [
    "CONNACK with a return code in 5.0",
    { type: PacketType.CONNACK, sessionPresent: false, reasonCode: 5 },
    5,
    RangeError,
    /CONNACK cannot carry/,
  ],
  [
    "CONNACK that refuses with a session",
    { type: PacketType.CONNACK, sessionPresent: true, reasonCode: 0x87 },
    5,
    TypeError,
    /sessionPresent/,
  ],
  [
    "SUBACK with a reason code before 5.0",
    { type: PacketType.SUBACK, packetId: 1, reasonCodes: [0x87] },
    4,
    RangeError,
    /SUBACK/,
  ],
  ["SUBACK without codes", { type: PacketType.SUBACK, packetId: 1, reasonCodes: [] }, 5, RangeError, /SUBACK/],
  ["UNSUBACK without codes", { type: PacketType.UNSUBACK, packetId: 1, reasonCodes: [] }, 5, RangeError, /UNSUBACK/],
  [
    "UNSUBACK with an illegal code",
    { type: PacketType.UNSUBACK, packetId: 1, reasonCodes: [1] },
    5,
    RangeError,
    /UNSUBACK/,
  ],
  ["SUBSCRIBE without filters", { ...subscribe, subscriptions: [] }, 4, RangeError, /SUBSCRIBE/],
  [
    "SUBSCRIBE at QoS 3",
    { ...subscribe, subscriptions: [{ ...subscribe.subscriptions[0]!, qos: any(3) }] },
    4,
    RangeError,
    /qos/,
  ],
  [
    "SUBSCRIBE with retain handling 3",
    { ...subscribe, subscriptions: [{ ...subscribe.subscriptions[0]!, retainHandling: any(3) }] },
    5,
    RangeError,
    /retainHandling/,
  ],
  [
    "SUBSCRIBE with two identifiers",
    { ...subscribe, properties: { subscriptionIdentifiers: [1, 2] } },
    5,
    RangeError,
    /one subscription identifier/,
  ],
  [
    "UNSUBSCRIBE without filters",
    { type: PacketType.UNSUBSCRIBE, packetId: 1, topicFilters: [] },
    5,
    RangeError,
    /UNSUBSCRIBE/,
  ],
  ["DISCONNECT with an illegal code", { type: PacketType.DISCONNECT, reasonCode: 1 }, 5, RangeError, /DISCONNECT/],
  ["CONNECT of an unknown version", { ...connect, protocolVersion: any(6) }, 5, RangeError, /version/],
  ["keep-alive over two bytes", { ...connect, keepAlive: 65_536 }, 5, RangeError, /keepAlive/],
  [
    "password alone before 5.0",
    { ...connect, protocolVersion: 4, password: Buffer.from("p") },
    4,
    TypeError,
    /password/,
  ],
  ["long password", { ...connect, password: Buffer.alloc(65_536) }, 5, RangeError, /password/],
  [
    "long will payload",
    { ...connect, will: { topic: "w", payload: Buffer.alloc(65_536), qos: 0, retain: false } },
    5,
    RangeError,
    /will\.payload/,
  ],
  [
    "will topic with a wildcard",
    { ...connect, will: { topic: "w/#", payload: Buffer.alloc(0), qos: 0, retain: false } },
    5,
    TypeError,
    /will\.topic/,
  ],
  [
    "will with a property of PUBLISH",
    {
      ...connect,
      will: { topic: "w", payload: Buffer.alloc(0), qos: 0, retain: false, properties: { topicAlias: 1 } },
    },
    5,
    TypeError,
    /will cannot carry the property topicAlias/,
  ],
  [
    "property of another packet",
    withProperties({ receiveMaximum: 1 }),
    5,
    TypeError,
    /PUBLISH cannot carry the property receiveMaximum/,
  ],
  ["unknown property", withProperties(any({ colour: 1 })), 5, TypeError, /colour/],
  ["topic alias 0", withProperties({ topicAlias: 0 }), 5, RangeError, /topicAlias/],
  ["payload format 2", withProperties({ payloadFormatIndicator: 2 }), 5, RangeError, /payloadFormatIndicator/],
  ["expiry that is fractional", withProperties({ messageExpiryInterval: 0.5 }), 5, RangeError, /messageExpiryInterval/],
  [
    "expiry over four bytes",
    withProperties({ messageExpiryInterval: 2 ** 32 }),
    5,
    RangeError,
    /messageExpiryInterval/,
  ],
  ["negative expiry", withProperties({ messageExpiryInterval: -1 }), 5, RangeError, /messageExpiryInterval/],
  [
    "subscription identifier 0",
    withProperties({ subscriptionIdentifiers: [0] }),
    5,
    RangeError,
    /subscriptionIdentifiers/,
  ],
  [
    "subscription identifier over four bytes",
    withProperties({ subscriptionIdentifiers: [268_435_456] }),
    5,
    RangeError,
    /subscriptionIdentifiers/,
  ],
  ["response topic with a wildcard", withProperties({ responseTopic: "+" }), 5, TypeError, /responseTopic/],
  [
    "long correlation data",
    withProperties({ correlationData: Buffer.alloc(65_536) }),
    5,
    RangeError,
    /correlationData/,
  ],
  ["long content type", withProperties({ contentType: "a".repeat(65_536) }), 5, RangeError, /contentType/],
  ["user property with U+0000", withProperties({ userProperties: [["a", "\0"]] }), 5, TypeError, /userProperties/],
  [
    "authentication data alone",
    { ...connect, properties: { authenticationData: Buffer.alloc(1) } },
    5,
    TypeError,
    /authenticationMethod/,
  ],
];

describe("what cannot be encoded", () => {
  test.each(wrong)("%s", (_name, packet, version, kind, text) => {
    for (const call of [
      () => encode(packet, version),
      () => encodedLength(packet, version),
      () => encodeInto(packet, version, Buffer.alloc(100_000), 0),
    ]) {
      const failure = failureOf(call);
      expect(failure).toBeInstanceOf(kind);
      expect(failure).not.toBeInstanceOf(CodecError);
      expect((failure as Error).message).toMatch(text);
    }
  });
});

describe("encodeInto", () => {
  test("writes nothing where the room is too small", () => {
    const target = Buffer.alloc(6);
    expect(() => encodeInto(publish, 4, target, 0)).toThrow(/ends at offset 8, the target at 6/);
    expect(() => encodeInto(publish, 4, Buffer.alloc(8), 1)).toThrow(RangeError);
    expect(() => encodeInto(publish, 4, Buffer.alloc(8), -1)).toThrow(RangeError);
    expect(target).toEqual(Buffer.alloc(6));
  });

  test("fills a slab with packets one after another", () => {
    const target = Buffer.alloc(64);
    let offset = 0;
    for (let packetId = 1; packetId <= 5; packetId++) offset = encodeInto({ ...publish, packetId }, 4, target, offset);
    expect(target.subarray(0, offset).toString("hex")).toBe(
      [1, 2, 3, 4, 5].map((id) => `32060001610000${id}78`.replace("0000", "000")).join(""),
    );
  });
});

describe("what a version does not have", () => {
  test("is left out", () => {
    const properties = { reasonString: "r" };
    expect(encode({ type: PacketType.PUBACK, packetId: 1, reasonCode: 0x87, properties }, 4).toString("hex")).toBe(
      "40020001",
    );
    expect(encode({ type: PacketType.UNSUBACK, packetId: 1, reasonCodes: [0x11] }, 3).toString("hex")).toBe("b0020001");
    expect(encode({ type: PacketType.DISCONNECT, reasonCode: 0x8e, properties }, 4).toString("hex")).toBe("e000");
    expect(encode({ ...publish, properties: { topicAlias: 1 } }, 4).toString("hex")).toBe("3206000161000178");
    expect(encode({ type: PacketType.CONNACK, sessionPresent: true, reasonCode: 0 }, 3).toString("hex")).toBe(
      "20020000",
    );
    const options = {
      ...subscribe.subscriptions[0]!,
      noLocal: true,
      retainAsPublished: true,
      retainHandling: 2 as const,
    };
    expect(encode({ ...subscribe, subscriptions: [options] }, 4).toString("hex")).toBe("82060001000161".concat("00"));
  });

  test("a CONNECT is written in its own version", () => {
    expect(encode({ ...connect, protocolVersion: 3 }, 5).toString("hex")).toBe("100f00064d514973647003020000000163");
  });
});

describe("properties that say nothing", () => {
  test.each([{}, { reasonString: undefined }, { userProperties: [] }])("%j takes the short form", (properties) => {
    const empty = properties as Properties;
    expect(encode({ type: PacketType.PUBACK, packetId: 1, reasonCode: 0, properties: empty }, 5).toString("hex")).toBe(
      "40020001",
    );
    expect(encode({ type: PacketType.DISCONNECT, reasonCode: 0, properties: empty }, 5).toString("hex")).toBe("e000");
    expect(encode({ type: PacketType.AUTH, reasonCode: 0, properties: empty }, 5).toString("hex")).toBe("f000");
    const target = Buffer.alloc(8, 0xaa);
    encodeInto({ type: PacketType.SUBACK, packetId: 1, reasonCodes: [0], properties: empty }, 5, target, 0);
    expect(target.toString("hex")).toBe("900400010000aaaa");
  });
});

test("the sizes of a length", () => {
  for (const [payload, header] of [
    [120, 2],
    [124, 2],
    [125, 3],
    [16_380, 3],
    [16_381, 4],
    [2_097_148, 4],
    [2_097_149, 5],
  ] as const) {
    const packet: Publish = { ...publish, qos: 0, payload: Buffer.alloc(payload) };
    expect(encodedLength(packet, 4)).toBe(header + 3 + payload);
    expect(encode(packet, 4).length).toBe(header + 3 + payload);
  }
});
