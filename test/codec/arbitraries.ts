/** fast-check arbitraries of all packets, as a peer of one version can send them. */
import fc from "fast-check";
import { isReasonCodeOf, PacketType } from "../../src/codec/index.ts";
import type { Packet, Properties, ProtocolVersion, QoS, Will } from "../../src/codec/index.ts";

const text = fc
  .oneof(
    { weight: 4, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 20 }) },
    { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
    { weight: 1, arbitrary: fc.constantFrom("", "\uFEFF", "a".repeat(127), "a".repeat(130), "é".repeat(70), "😀") },
  )
  .map((value) => value.replaceAll("\0", "0"));
const topicName = text.map((value) => value.replaceAll(/[+#]/g, "_") || "t");
const binary = fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value));
const payload = fc.oneof(
  { weight: 9, arbitrary: binary },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 400 }).map((length) => Buffer.alloc(length, "p")) },
);
const flag = fc.boolean();
const bit = fc.integer({ min: 0, max: 1 });
const two = fc.integer({ min: 0, max: 0xffff });
const positiveTwo = fc.integer({ min: 1, max: 0xffff });
const four = fc.integer({ min: 0, max: 0xffff_ffff });
const qos = fc.constantFrom<QoS>(0, 1, 2);
const userProperties = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 });
const subscriptionIdentifier = fc.oneof(
  fc.integer({ min: 1, max: 268_435_455 }),
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152),
);

type Model = { [Name in keyof Properties]?: fc.Arbitrary<NonNullable<Properties[Name]>> };

/** Some of the properties, in some order; undefined where the packet has none. */
function properties(version: ProtocolVersion, model: Model): fc.Arbitrary<Properties | undefined> {
  if (version < 5) return fc.constant(undefined);
  const names = Object.keys(model);
  return fc.option(
    fc.tuple(fc.record(model, { requiredKeys: [] }), fc.shuffledSubarray(names)).map(([values, order]) => {
      const chosen: Record<string, unknown> = {};
      for (const name of order) {
        const value = (values as Record<string, unknown>)[name];
        if (value !== undefined) chosen[name] = value;
      }
      if (chosen.authenticationMethod === undefined) delete chosen.authenticationData; // §3.1.2.11.10
      return Object.keys(chosen).length === 0 ? undefined : chosen;
    }),
    { nil: undefined },
  );
}

const message: Model = {
  payloadFormatIndicator: bit,
  messageExpiryInterval: four,
  contentType: text,
  responseTopic: topicName,
  correlationData: binary,
  userProperties,
};
const answer: Model = { reasonString: text, userProperties };
const authentication: Model = { authenticationMethod: text, authenticationData: binary };
const capacity: Model = {
  sessionExpiryInterval: four,
  receiveMaximum: positiveTwo,
  maximumPacketSize: fc.integer({ min: 1, max: 0xffff_ffff }),
  topicAliasMaximum: two,
};

function reasonCode(type: PacketType, version: ProtocolVersion): fc.Arbitrary<number> {
  if (version < 5) return fc.constant(0);
  return fc.constantFrom(
    ...Array.from({ length: 256 }, (_, code) => code).filter((code) => isReasonCodeOf(type, code)),
  );
}

function connect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const will: fc.Arbitrary<Will> = fc.record({
    topic: topicName,
    payload: binary,
    qos,
    retain: flag,
    properties: properties(version, { ...message, willDelayInterval: four }),
  });
  return fc
    .record({
      type: fc.constant(PacketType.CONNECT),
      protocolVersion: fc.constant(version),
      cleanStart: flag,
      keepAlive: two,
      clientId: text,
      username: fc.option(text, { nil: undefined }),
      password: fc.option(binary, { nil: undefined }),
      will: fc.option(will, { nil: undefined }),
      properties: properties(version, {
        ...capacity,
        ...authentication,
        requestProblemInformation: bit,
        requestResponseInformation: bit,
        userProperties,
      }),
    })
    .map((packet) => (version < 5 && packet.username === undefined ? { ...packet, password: undefined } : packet));
}

function connack(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc
    .record({
      type: fc.constant(PacketType.CONNACK),
      sessionPresent: version === 3 ? fc.constant(false) : flag,
      reasonCode: version < 5 ? fc.integer({ min: 0, max: 5 }) : reasonCode(PacketType.CONNACK, version),
      properties: properties(version, {
        ...capacity,
        ...answer,
        ...authentication,
        maximumQos: bit,
        retainAvailable: bit,
        assignedClientIdentifier: text,
        wildcardSubscriptionAvailable: bit,
        subscriptionIdentifiersAvailable: bit,
        sharedSubscriptionAvailable: bit,
        serverKeepAlive: two,
        responseInformation: text,
        serverReference: text,
      }),
    })
    .map((packet) => (packet.reasonCode === 0 ? packet : { ...packet, sessionPresent: false }));
}

function publish(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc
    .record({
      type: fc.constant(PacketType.PUBLISH),
      topic: text,
      payload,
      qos,
      retain: flag,
      dup: flag,
      packetId: positiveTwo,
      properties: properties(version, {
        ...message,
        topicAlias: positiveTwo,
        subscriptionIdentifiers: fc.array(subscriptionIdentifier, { minLength: 1, maxLength: 4 }),
      }),
    })
    .map((packet) => (packet.qos === 0 ? { ...packet, dup: false, packetId: 0 } : packet));
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const retainHandling = fc.constantFrom<0 | 1 | 2>(0, 1, 2);
  return fc.record({
    type: fc.constant(PacketType.SUBSCRIBE),
    packetId: positiveTwo,
    subscriptions: fc.array(
      fc.record({
        topicFilter: text,
        qos,
        noLocal: version < 5 ? fc.constant(false) : flag,
        retainAsPublished: version < 5 ? fc.constant(false) : flag,
        retainHandling: version < 5 ? fc.constant<0>(0) : retainHandling,
      }),
      { minLength: 1, maxLength: 5 },
    ),
    properties: properties(version, {
      subscriptionIdentifiers: subscriptionIdentifier.map((one) => [one]),
      userProperties,
    }),
  });
}

function acknowledgement(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const types = [PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP] as const;
  return fc.constantFrom(...types).chain((type) =>
    fc.record({
      type: fc.constant(type),
      packetId: positiveTwo,
      reasonCode: reasonCode(type, version),
      properties: properties(version, answer),
    }),
  );
}

function suback(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const code = version < 5 ? fc.constantFrom(0, 1, 2, 0x80) : reasonCode(PacketType.SUBACK, version);
  return fc.record({
    type: fc.constant(PacketType.SUBACK),
    packetId: positiveTwo,
    reasonCodes: fc.array(code, { minLength: 1, maxLength: 6 }),
    properties: properties(version, answer),
  });
}

function unsubscribe(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.record({
    type: fc.constant(PacketType.UNSUBSCRIBE),
    packetId: positiveTwo,
    topicFilters: fc.array(text, { minLength: 1, maxLength: 5 }),
    properties: properties(version, { userProperties }),
  });
}

function unsuback(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const length = version < 5 ? { maxLength: 0 } : { minLength: 1, maxLength: 6 };
  return fc.record({
    type: fc.constant(PacketType.UNSUBACK),
    packetId: positiveTwo,
    reasonCodes: fc.array(reasonCode(PacketType.UNSUBACK, version), length),
    properties: properties(version, answer),
  });
}

function disconnect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.record({
    type: fc.constant(PacketType.DISCONNECT),
    reasonCode: reasonCode(PacketType.DISCONNECT, version),
    properties: properties(version, { ...answer, sessionExpiryInterval: four, serverReference: text }),
  });
}

function auth(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.record({
    type: fc.constant(PacketType.AUTH),
    reasonCode: reasonCode(PacketType.AUTH, version),
    properties: properties(version, { ...answer, ...authentication }),
  });
}

/** A packet that `version` can express, of any type. */
export function packets(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.oneof(
    { weight: 3, arbitrary: publish(version) },
    { weight: 2, arbitrary: connect(version) },
    { weight: 2, arbitrary: acknowledgement(version) },
    connack(version),
    subscribe(version),
    suback(version),
    unsubscribe(version),
    unsuback(version),
    fc.constantFrom<Packet>({ type: PacketType.PINGREQ }, { type: PacketType.PINGRESP }),
    disconnect(version),
    version === 5 ? auth(version) : publish(version),
  );
}
