import type { Random } from "../simulation/random.ts";
import { noise } from "./grammar/names.ts";
import { variableByteInteger } from "./grammar/soup.ts";

const KINDS = {
  flip: 6,
  byte: 6,
  truncate: 3,
  insert: 3,
  remove: 3,
  duplicate: 2,
  length: 4,
  field: 4,
  huge: 2,
  header: 2,
  splice: 3,
} as const;

/** A copy of the packet with something wrong. `others` are what else was sent, to be mixed in. */
export function mutate(packet: Buffer, random: Random, others: readonly Buffer[] = []): Buffer {
  const bytes = Buffer.from(packet);
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  switch (random.weighted(KINDS)) {
    case "flip":
      for (let i = random.between(1, 3); i > 0; i--) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    case "byte":
      bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xfe, 0xff, random.below(256)]);
      return bytes;
    case "truncate":
      return bytes.subarray(0, at);
    case "insert":
      return Buffer.concat([bytes.subarray(0, at), noise(random, random.between(1, 9)), bytes.subarray(at)]);
    case "remove":
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.between(1, 6))]);
    case "duplicate":
      return Buffer.concat([bytes, bytes]);
    case "length":
      return withLength(bytes, Math.max(0, bytes.length - 2 + random.between(-9, 9)));
    case "field":
      return withWrongField(bytes, random);
    case "huge":
      return withLength(bytes, random.pick([65_535, 2_097_151, 67_108_859, 67_108_860, 268_435_455]));
    case "header":
      bytes[0] = random.below(256);
      return bytes;
    case "splice": {
      const other = others.length === 0 ? bytes : random.pick(others);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    }
  }
}

/** The packet with another Remaining Length. */
function withLength(bytes: Buffer, length: number): Buffer {
  let end = 1;
  while (end < bytes.length && end < 5 && bytes[end]! > 0x7f) end++;
  return Buffer.concat([bytes.subarray(0, 1), variableByteInteger(length), bytes.subarray(end + 1)]);
}

/** Two bytes somewhere, such as a string's length or a packet identifier, changed by little or much. */
function withWrongField(bytes: Buffer, random: Random): Buffer {
  if (bytes.length < 4) return bytes;
  const at = random.between(2, bytes.length - 2);
  const value = bytes.readUInt16BE(at);
  bytes.writeUInt16BE(
    random.pick([0, 1, 0xffff, (value + 1) & 0xffff, (value - 1) & 0xffff, random.below(0x10000)]),
    at,
  );
  return bytes;
}
