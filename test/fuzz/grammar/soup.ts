/** Packets from raw parts, which no encoder would make: properties where they do not belong, lengths that lie. */
import type { Random } from "../../simulation/random.ts";
import { noise, text } from "./names.ts";
import { edge } from "./properties.ts";

/** A Variable Byte Integer; with `extra` bytes that say nothing, which makes it longer than it may be. */
export function variableByteInteger(value: number, extra = 0): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest & 0x7f);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  for (let i = 0; i < extra; i++) bytes.push(0);
  return Buffer.from(bytes.map((byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte)));
}

export function utf8(value: string | Buffer, announced?: number): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE((announced ?? bytes.length) & 0xffff);
  return Buffer.concat([length, bytes]);
}

export function twoBytes(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}

/** @param announced the Remaining Length to say, if not the true one */
export function rawPacket(type: number, flags: number, body: Buffer, announced = body.length): Buffer {
  return Buffer.concat([Buffer.from([((type & 15) << 4) | (flags & 15)]), variableByteInteger(announced), body]);
}

/** Text that is not UTF-8, or that MQTT does not want. */
export function badText(random: Random): Buffer {
  return random.pick([
    Buffer.from([0]),
    Buffer.from([0x61, 0, 0x62]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb2, 0xa9]),
    Buffer.from([0xc0, 0x80]),
    Buffer.from([0xf4, 0x90, 0x80, 0x80]),
    Buffer.from([0xff, 0xfe]),
    Buffer.from([0xe2, 0x82]),
  ]);
}

const IDENTIFIERS = [
  1, 2, 3, 8, 9, 11, 17, 18, 19, 21, 22, 23, 24, 25, 26, 28, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42,
];
const BYTES = new Set([1, 23, 25, 36, 37, 40, 41, 42]);
const TWO = new Set([19, 33, 34, 35]);
const FOUR = new Set([2, 17, 24, 39]);
const BINARY = new Set([9, 22]);

/** A property of its right shape most of the time, whatever packet it is for. */
function property(random: Random): Buffer {
  const identifier = random.chance(0.05) ? random.below(256) : random.pick(IDENTIFIERS);
  return Buffer.concat([
    variableByteInteger(identifier, random.chance(0.02) ? 1 : 0),
    propertyValue(random, identifier),
  ]);
}

function propertyValue(random: Random, identifier: number): Buffer {
  if (random.chance(0.05)) return noise(random, random.below(8));
  if (BYTES.has(identifier)) return Buffer.from([random.pick([0, 1, 2, 255])]);
  if (TWO.has(identifier)) return twoBytes(edge(random, 0xffff));
  if (FOUR.has(identifier)) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(edge(random, 0xffff_ffff));
    return bytes;
  }
  if (identifier === 11) return variableByteInteger(edge(random, 268_435_455), random.below(3) === 0 ? 1 : 0);
  if (BINARY.has(identifier)) return utf8(noise(random, random.below(40)));
  const string = (): Buffer =>
    random.chance(0.1) ? utf8(badText(random)) : utf8(text(random), random.chance(0.05) ? 0xffff : undefined);
  return identifier === 38 ? Buffer.concat([string(), string()]) : string();
}

/** Property Length and properties: foreign ones, doubled ones, broken ones, or hundreds. */
export function propertySoup(random: Random): Buffer {
  const count = random.chance(0.03) ? 500 : random.below(6);
  const parts = Array.from({ length: count }, () => property(random));
  if (parts.length > 0 && random.chance(0.2)) parts.push(parts[0]!);
  const body = Buffer.concat(parts);
  const announced = random.chance(0.1) ? edge(random, 268_435_455) : body.length;
  return Buffer.concat([variableByteInteger(announced, random.chance(0.03) ? 1 : 0), body]);
}

/** A packet of any type with properties that come from anywhere (MQTT 5). */
export function soupPacket(random: Random): Buffer {
  const soup = propertySoup(random);
  const id = twoBytes(random.pick([0, 1, 2, 0xffff]));
  const kind = random.weighted({
    publish: 6,
    subscribe: 4,
    unsubscribe: 2,
    acknowledgement: 3,
    disconnect: 1,
    auth: 1,
  });
  switch (kind) {
    case "publish": {
      const level = random.below(4);
      const body = [
        utf8(random.chance(0.2) ? "" : "a/b"),
        ...(level > 0 ? [id] : []),
        soup,
        noise(random, random.below(20)),
      ];
      return rawPacket(3, (level << 1) | random.pick([0, 1, 8, 9]), Buffer.concat(body));
    }
    case "subscribe":
      return rawPacket(8, 2, Buffer.concat([id, soup, utf8("a/+"), Buffer.from([random.below(256)])]));
    case "unsubscribe":
      return rawPacket(10, 2, Buffer.concat([id, soup, utf8("a/+")]));
    case "acknowledgement": {
      const type = random.between(4, 7);
      return rawPacket(
        type,
        type === 6 ? 2 : 0,
        Buffer.concat([id, Buffer.from([random.pick([0, 0x10, 0x92, 0xff])]), soup]),
      );
    }
    case "disconnect":
      return rawPacket(14, 0, Buffer.concat([Buffer.from([random.pick([0, 4, 0x80, 0xff])]), soup]));
    case "auth":
      return rawPacket(15, 0, Buffer.concat([Buffer.from([random.pick([0, 0x18, 0x19])]), soup]));
  }
}

/** A CONNECT of MQTT 5 from raw parts; each of them may be wrong. */
export function soupConnect(random: Random): Buffer {
  const flags = random.chance(0.7) ? random.pick([0x02, 0x00, 0xc2, 0x06, 0x2e]) : random.below(256);
  const parts = [
    utf8(random.chance(0.1) ? text(random) : "MQTT"),
    Buffer.from([random.chance(0.1) ? random.below(256) : 5, flags]),
  ];
  parts.push(twoBytes(edge(random, 0xffff)), propertySoup(random), utf8(random.chance(0.2) ? badText(random) : "s1"));
  if ((flags & 0x04) !== 0) parts.push(propertySoup(random), utf8("w/x"), utf8(noise(random, 10)));
  if ((flags & 0x80) !== 0) parts.push(utf8("user"));
  if ((flags & 0x40) !== 0) parts.push(utf8(noise(random, random.below(100))));
  return rawPacket(1, 0, Buffer.concat(parts));
}
