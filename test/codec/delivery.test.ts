/** What a subscriber gets, written without a packet, and properties that repeat. */
import { expect, test } from "vitest";
import {
  Decoder,
  PacketType,
  type Properties,
  type Publish,
  type QoS,
  deliveryLength,
  encode,
  writeDelivery,
} from "../../src/codec/index.ts";
import { Random } from "../simulation/random.ts";
import { decodeAll } from "./support.ts";

const PROPERTIES: (Properties | undefined)[] = [
  undefined,
  { contentType: "text/plain" },
  { payloadFormatIndicator: 0, userProperties: [["key", "ü".repeat(100)]] },
  { responseTopic: "answers", correlationData: Buffer.from([1, 2, 3]) },
];

test("a delivery is the packet that the encoder would have made", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = new Random(seed);
    const properties = random.pick(PROPERTIES);
    const delivery = { topic: random.pick(["a", "ü/b"]), payload: Buffer.alloc(random.pick([0, 10, 200])), properties };
    const qos = random.pick<QoS>([0, 1, 2]);
    const retain = random.chance(0.5);
    const packetId = qos === 0 ? 0 : random.between(1, 65_535);
    const identifiers = random.pick([undefined, [1], [127, 128, 268_435_455]]);
    const expiry = random.pick([undefined, 0, 70_000, 0xffff_ffff]);
    const alias = random.pick([0, 1, -1, 65_535, -300]);

    const target = Buffer.alloc(1000, 0xee);
    const length = deliveryLength(delivery, qos, identifiers, expiry, alias);
    const end = writeDelivery(target, 7, delivery, packetId, qos, retain, identifiers, expiry, alias);
    expect(end, `seed ${seed}`).toBe(7 + length);

    const own: Properties = { ...properties };
    if (alias !== 0) own.topicAlias = Math.abs(alias);
    if (expiry !== undefined) own.messageExpiryInterval = expiry;
    if (identifiers !== undefined) own.subscriptionIdentifiers = identifiers;
    const expected: Publish = {
      type: PacketType.PUBLISH,
      topic: alias > 0 ? "" : delivery.topic,
      payload: delivery.payload,
      qos,
      retain,
      dup: false,
      packetId,
      properties: own,
    };
    const decode = (bytes: Buffer) => decodeAll([bytes], new Decoder({ protocolVersion: 5 }));
    expect(decode(target.subarray(7, end)), `seed ${seed}`).toEqual(decode(encode(expected, 5)));
  }
});

function publish(properties: Properties | undefined): Publish {
  const payload = Buffer.from("payload");
  return { type: PacketType.PUBLISH, topic: "t", payload, qos: 0, retain: false, dup: false, packetId: 0, properties };
}

function receivedProperties(sent: (Properties | undefined)[]): (Properties | undefined)[] {
  const chunks = sent.map((properties) => encode(publish(properties), 5));
  return decodeAll(chunks, new Decoder({ protocolVersion: 5 })).map((packet) => (packet as Publish).properties);
}

test("properties that repeat are the same object; others are what was sent", () => {
  const sent = [{ contentType: "ab" }, { contentType: "ab" }, { contentType: "ac" }, undefined, { contentType: "ac" }];
  const received = receivedProperties(sent);
  expect(received).toEqual(sent);
  expect(received[1]).toBe(received[0]);
  expect(received[4]).toBe(received[2]);
});

test("properties with correlation data, or long ones, are objects of their own", () => {
  for (const properties of [{ correlationData: Buffer.from("c") }, { contentType: "x".repeat(600) }]) {
    const received = receivedProperties([properties, properties]);
    expect(received).toEqual([properties, properties]);
    expect(received[1]).not.toBe(received[0]);
  }
});
