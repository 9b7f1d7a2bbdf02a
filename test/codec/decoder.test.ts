/** The decoder as a stream: limits, memory, views, versions. */
import { describe, expect, test } from "vitest";
import { CodecError, Decoder, encode, PacketType } from "../../src/codec/index.ts";
import type { Publish } from "../../src/codec/index.ts";
import { bytes } from "../fixtures/packets/index.ts";
import { decodeAll, failureOf } from "./support.ts";

function publish(topic: string, payload: Buffer): Publish {
  return {
    type: PacketType.PUBLISH,
    topic,
    payload,
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
    properties: undefined,
  };
}

describe("pulling", () => {
  test("nothing comes of nothing", () => {
    const decoder = new Decoder();
    expect(decoder.next()).toBeUndefined();
    decoder.push(Buffer.alloc(0));
    expect(decoder.next()).toBeUndefined();
  });

  test("the caller may stop between packets and push more", () => {
    const decoder = new Decoder();
    const ping = Buffer.from([0xc0, 0]);
    decoder.push(Buffer.concat([ping, ping, ping]));
    expect(decoder.next()).toEqual({ type: PacketType.PINGREQ });
    decoder.push(Buffer.from([0xd0]));
    decoder.push(Buffer.from([0, 0xc0]));
    expect(decoder.next()).toEqual({ type: PacketType.PINGREQ });
    expect(decoder.next()).toEqual({ type: PacketType.PINGREQ });
    expect(decoder.next()).toEqual({ type: PacketType.PINGRESP });
    expect(decoder.next()).toBeUndefined();
    decoder.push(Buffer.from([0]));
    expect(decoder.next()).toEqual({ type: PacketType.PINGREQ });
  });

  test("a queue that never empties keeps its order", () => {
    const decoder = new Decoder();
    const sent: number[] = [];
    const received: number[] = [];
    const send = (index: number) => {
      const encoded = encode(publish(`t/${index}`, Buffer.alloc(1500, index)), 4);
      decoder.push(encoded.subarray(0, 700));
      decoder.push(encoded.subarray(700));
      sent.push(index);
    };
    for (let index = 0; index < 100; index++) send(index);
    for (let index = 100; index < 1000; index++) {
      const packet = decoder.next() as Publish;
      received.push(Number(packet.topic.slice(2)));
      expect(packet.payload[1499]).toBe(received.at(-1)! & 0xff);
      send(index);
    }
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
      received.push(Number((packet as Publish).topic.slice(2)));
    }
    expect(received).toEqual(sent);
  });
});

describe("payloads", () => {
  test("are views of a chunk that holds the whole packet", () => {
    const chunk = encode(publish("a", Buffer.from("payload")), 4);
    const decoder = new Decoder();
    decoder.push(chunk);
    const { payload } = decoder.next() as Publish;
    expect(payload.buffer).toBe(chunk.buffer);
    chunk[chunk.length - 1] = 0x21;
    expect(payload.toString()).toBe("payloa!");
  });

  test("are Buffers in every way", () => {
    const decoder = new Decoder();
    decoder.push(encode(publish("a", Buffer.from([1, 2, 250])), 4));
    const { payload } = decoder.next() as Publish;
    expect(Buffer.isBuffer(payload)).toBe(true);
    expect(payload).toBeInstanceOf(Buffer);
    expect(payload).toStrictEqual(Buffer.from([1, 2, 250]));
    expect(payload.equals(Buffer.from([1, 2, 250]))).toBe(true);
    expect(Buffer.from([1, 2, 250]).equals(payload)).toBe(true);
    expect(payload.toString("hex")).toBe("0102fa");
    expect(payload.readUInt16BE(1)).toBe(0x02fa);
    expect(Buffer.concat([payload, payload]).length).toBe(6);
    expect(payload.subarray(1)).toStrictEqual(Buffer.from([2, 250]));
    expect(payload.slice(1).length).toBe(2);
    expect(JSON.stringify(payload)).toBe('{"type":"Buffer","data":[1,2,250]}');
    expect(structuredClone(payload)).toEqual(new Uint8Array([1, 2, 250]));
  });

  test("of a split packet do not hold the chunks", () => {
    // Larger than what Node takes from its pool, whose size differs between versions.
    const encoded = encode(publish("a", Buffer.alloc(200_000, 1)), 4);
    const chunks = [encoded.subarray(0, 3000), encoded.subarray(3000)];
    const [packet] = decodeAll(chunks, new Decoder()) as [Publish];
    expect(packet.payload.buffer).not.toBe(encoded.buffer);
    expect(packet.payload.buffer.byteLength).toBe(encoded.length);
  });
});

describe("limits", () => {
  test("a packet of exactly the maximum passes, its fixed header included", () => {
    const encoded = encode(publish("a", Buffer.alloc(195)), 4);
    expect(encoded.length).toBe(201);
    expect(decodeAll([encoded], new Decoder({ maximumPacketSize: 201 }))).toHaveLength(1);
    const failure = failureOf(() => decodeAll([encoded], new Decoder({ maximumPacketSize: 200 })));
    expect(failure).toMatchObject({ name: "CodecError", reasonCode: 0x95 });
  });

  test("a packet that is too large is refused when its header is there", () => {
    const decoder = new Decoder({ maximumPacketSize: 1000 });
    decoder.push(Buffer.from([0x30, 0xff]));
    expect(decoder.next()).toBeUndefined();
    decoder.push(Buffer.from([0x7f]));
    expect(failureOf(() => decoder.next())).toMatchObject({ reasonCode: 0x95 });
  });

  test("reserved flags are refused before the rest of the packet comes", () => {
    const decoder = new Decoder();
    decoder.push(Buffer.from("GE"));
    expect(failureOf(() => decoder.next())).toMatchObject({ reasonCode: 0x81 });
  });

  test("announcing 256 MB costs what was sent", () => {
    const before = process.memoryUsage();
    const decoders = Array.from({ length: 200 }, () => {
      const decoder = new Decoder();
      decoder.push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 0x61, 1, 2]));
      expect(decoder.next()).toBeUndefined();
      return decoder;
    });
    const after = process.memoryUsage();
    expect(decoders).toHaveLength(200);
    expect(after.arrayBuffers + after.external - before.arrayBuffers - before.external).toBeLessThan(2_000_000);
  });

  test("a large packet in single bytes costs a small multiple of its size", () => {
    const encoded = encode(publish("a", Buffer.alloc(50_000, 7)), 4);
    const decoder = new Decoder();
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < encoded.length - 1; index++) {
      decoder.push(encoded.subarray(index, index + 1));
      if (index % 1000 === 0) expect(decoder.next()).toBeUndefined();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(500_000);
    decoder.push(encoded.subarray(-1));
    expect((decoder.next() as Publish).payload).toEqual(Buffer.alloc(50_000, 7));
  });

  test("a packet of 20 MB in chunks of 64 KiB is joined in linear time", () => {
    const encoded = encode(publish("a", Buffer.alloc(20_000_000, 7)), 4);
    const chunks: Buffer[] = [];
    for (let start = 0; start < encoded.length; start += 65_536) chunks.push(encoded.subarray(start, start + 65_536));
    const [packet] = decodeAll(chunks, new Decoder()) as [Publish];
    expect(packet.payload.length).toBe(20_000_000);
    expect(packet.payload.every((byte) => byte === 7)).toBe(true);
  });
});

describe("versions", () => {
  test.each([
    ["MQTT level 4", '10 [ "MQTT" 04 02 003c "c" ]', 4],
    ["MQTT level 5", '10 [ "MQTT" 05 02 003c 00 "c" ]', 5],
    ["MQIsdp level 3", '10 [ "MQIsdp" 03 02 003c "c" ]', 3],
  ])("%s is learned", (_name, text, version) => {
    const decoder = new Decoder();
    expect(decoder.protocolVersion).toBe(4);
    decoder.push(bytes(text));
    expect(decoder.next()).toMatchObject({ type: PacketType.CONNECT, protocolVersion: version });
    expect(decoder.protocolVersion).toBe(version);
  });

  test.each([
    ["MQTT level 6", '10 [ "MQTT" 06 02 003c 00 "c" ]', 0x84, 5],
    ["MQTT level 3", '10 [ "MQTT" 03 02 003c "c" ]', 0x84, 4],
    ["MQTT level 0", '10 [ "MQTT" 00 02 003c "c" ]', 0x84, 4],
    ["a bridge of mosquitto", '10 [ "MQTT" 84 02 003c "c" ]', 0x84, 4],
    ["another protocol", '10 [ "AMQP" 05 02 003c "c" ]', 0x84, 4],
    ["nothing", "1000", 0x81, 4],
    ["a broken 5.0", '10 [ "MQTT" 05 03 003c 00 "c" ]', 0x81, 5],
    ["a broken 3.1", '10 [ "MQIsdp" 03 03 003c "c" ]', 0x81, 3],
  ])("%s is answered in a version that its sender can read", (_name, text, reasonCode, version) => {
    const decoder = new Decoder();
    decoder.push(bytes(text));
    expect(failureOf(() => decoder.next())).toMatchObject({ reasonCode });
    expect(decoder.protocolVersion).toBe(version);
  });

  test("a second CONNECT is decoded and changes no version", () => {
    const decoder = new Decoder();
    decoder.push(bytes('10 [ "MQTT" 04 02 003c "c" ] 10 [ "MQTT" 05 02 003c 00 "c" ]'));
    expect(decoder.next()).toMatchObject({ protocolVersion: 4 });
    expect(decoder.next()).toMatchObject({ protocolVersion: 5 });
    expect(decoder.protocolVersion).toBe(4);
  });

  test("packets before CONNECT are read as 3.1.1", () => {
    const decoder = new Decoder();
    decoder.push(bytes(`30 [ "a" 'x' ] e000`));
    expect(decoder.next()).toMatchObject({ topic: "a", payload: Buffer.from("x") });
    expect(decoder.next()).toMatchObject({ type: PacketType.DISCONNECT, reasonCode: 0 });
  });

  test("the version can be set", () => {
    const decoder = new Decoder();
    decoder.protocolVersion = 5;
    decoder.push(bytes("e001 81"));
    expect(decoder.next()).toMatchObject({ reasonCode: 0x81 });
  });
});

describe("packets have one shape", () => {
  test.each([
    ['30 [ "a" 00 ]', ["type", "topic", "payload", "qos", "retain", "dup", "packetId", "properties"]],
    ['32 [ "a" 0001 [ 01 01 ] ]', ["type", "topic", "payload", "qos", "retain", "dup", "packetId", "properties"]],
    ["4002 0001", ["type", "packetId", "reasonCode", "properties"]],
    ["4003 0001 10", ["type", "packetId", "reasonCode", "properties"]],
    ["e000", ["type", "reasonCode", "properties"]],
  ])("%s", (text, keys) => {
    const decoder = new Decoder({ protocolVersion: 5 });
    decoder.push(bytes(text));
    expect(Object.keys(decoder.next()!)).toEqual(keys);
  });
});

test("topics are told apart, repeated or not", () => {
  const topics = [
    "a/b",
    "a/b",
    "a/b",
    "a/c",
    "a/b",
    "ä/b",
    "ä/b",
    "a/b",
    "",
    "",
    "b".repeat(300),
    "b".repeat(300),
    "a/b",
    "a/b/",
  ];
  const decoder = new Decoder();
  const received = decodeAll(
    topics.map((topic) => encode(publish(topic, Buffer.from("x")), 4)),
    decoder,
  );
  expect(received.map((packet) => (packet as Publish).topic)).toEqual(topics);
  const many = Array.from({ length: 5000 }, (_, index) => `device/${index % 3000}/state`);
  const stream = Buffer.concat(many.map((topic) => encode(publish(topic, Buffer.alloc(0)), 4)));
  expect(decodeAll([stream], decoder).map((packet) => (packet as Publish).topic)).toEqual(many);
});

test("a byte is not taken for the character of the last topic that has its number", () => {
  const decoder = new Decoder();
  decoder.push(bytes('30 [ "é" ] 30 [ "é" ] 30 [ 0001 e9 ]'));
  expect(decoder.next()).toMatchObject({ topic: "é" });
  expect(decoder.next()).toMatchObject({ topic: "é" });
  expect(failureOf(() => decoder.next())).toMatchObject({ reasonCode: 0x81 });
});

test("a topic like the last one with U+0000 in it is refused", () => {
  const decoder = new Decoder();
  decoder.push(bytes('30 [ "ab" ] 30 [ "ab" ] 30 [ 0002 6100 ]'));
  decoder.next();
  decoder.next();
  expect(failureOf(() => decoder.next())).toBeInstanceOf(CodecError);
});
