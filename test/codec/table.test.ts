/** Each line of the table: decoded, encoded, cut at every index, and refused. */
import { describe, expect, test } from "vitest";
import { CodecError, Decoder, encode, encodedLength, encodeInto, PacketType } from "../../src/codec/index.ts";
import type { Packet, ProtocolVersion } from "../../src/codec/index.ts";
import { bytes, malformedCases, packetCases } from "../fixtures/packets/index.ts";
import { decodeAll, decoderFor, failureOf } from "./support.ts";

interface Expanded<Case> {
  title: string;
  version: ProtocolVersion;
  input: Buffer;
  item: Case;
}

function expand<Case extends { name: string; versions: readonly ProtocolVersion[]; bytes: string }>(
  cases: Case[],
): Expanded<Case>[] {
  return cases.flatMap((item) =>
    item.versions.map((version) => ({
      title: `${item.name} (version ${version})`,
      version,
      input: bytes(item.bytes),
      item,
    })),
  );
}

const good = expand(packetCases);
const bad = expand(malformedCases);

describe("bytes to packet", () => {
  test.each(good)("$title", ({ version, input, item }) => {
    const decoder = decoderFor(item.packet, version);
    decoder.push(input);
    expect(decoder.next()).toEqual(item.packet);
    expect(decoder.next()).toBeUndefined();
    expect(decoder.protocolVersion).toBe(version);
  });
});

describe("packet to bytes", () => {
  test.each(good.filter(({ item }) => item.decodeOnly === undefined))("$title", ({ version, input, item }) => {
    expect(encode(item.packet, version).toString("hex")).toBe(input.toString("hex"));
    expect(encodedLength(item.packet, version)).toBe(input.length);
    const target = Buffer.alloc(input.length + 7, 0xaa);
    expect(encodeInto(item.packet, version, target, 3)).toBe(3 + input.length);
    expect(target.toString("hex")).toBe(`aaaaaa${input.toString("hex")}aaaaaaaa`);
  });

  test.each(good.filter(({ item }) => item.decodeOnly !== undefined))("canonical form: $title", ({ version, item }) => {
    expect(decodeAll([encode(item.packet, version)], decoderFor(item.packet, version))).toEqual([item.packet]);
  });
});

describe("split at every index", () => {
  test.each(good.filter(({ input }) => input.length < 1000))("$title", ({ version, input, item }) => {
    for (let index = 1; index < input.length; index++) {
      const decoder = decoderFor(item.packet, version);
      decoder.push(input.subarray(0, index));
      expect(decoder.next()).toBeUndefined();
      decoder.push(input.subarray(index));
      expect(decoder.next()).toEqual(item.packet);
      expect(decoder.next()).toBeUndefined();
    }
  });

  test.each(good.filter(({ input }) => input.length < 1000))("byte by byte: $title", ({ version, input, item }) => {
    const single = Array.from(input, (byte) => Buffer.from([byte]));
    expect(decodeAll(single, decoderFor(item.packet, version))).toEqual([item.packet]);
    const decoder = decoderFor(item.packet, version);
    for (const chunk of single) decoder.push(chunk);
    expect(decoder.next()).toEqual(item.packet);
  });
});

describe("many packets", () => {
  test.each([3, 4, 5] as const)("in one chunk and in chunks of any size, version %i", (version) => {
    const chosen = good.filter(
      (one) => one.version === version && one.item.packet.type !== PacketType.CONNECT && one.input.length < 30_000,
    );
    const stream = Buffer.concat(chosen.map(({ input }) => input));
    const packets = chosen.map(({ item }): Packet => item.packet);
    for (const size of [stream.length, 1, 2, 3, 5, 7, 64, 1000, 1024, 4096, 65_536]) {
      const chunks: Buffer[] = [];
      for (let start = 0; start < stream.length; start += size) chunks.push(stream.subarray(start, start + size));
      expect(decodeAll(chunks, new Decoder({ protocolVersion: version }))).toEqual(packets);
    }
  });
});

describe("malformed", () => {
  test.each(bad)("$title: $item.clause", ({ version, input, item }) => {
    const isConnect = input[0]! >> 4 === PacketType.CONNECT;
    const make = () => new Decoder(isConnect ? {} : { protocolVersion: version });
    const whole = make();
    whole.push(input);
    const failure = failureOf(() => whole.next());
    expect(failure).toBeInstanceOf(CodecError);
    expect((failure as CodecError).reasonCode.toString(16)).toBe(item.reasonCode.toString(16));

    // Dead ever after, whatever comes.
    whole.push(Buffer.from([0xc0, 0]));
    expect(failureOf(() => whole.next())).toBe(failure);

    const split = make();
    const later = failureOf(() => {
      for (const byte of input) {
        split.push(Buffer.from([byte]));
        split.next();
      }
    });
    expect(later).toBeInstanceOf(CodecError);
    expect((later as CodecError).reasonCode).toBe(item.reasonCode);
  });

  test("names a clause for each", () => {
    for (const { clause } of malformedCases)
      expect(clause).toMatch(/^(3\.1\.1 )?(MQTT-\d+\.\d+\.\d+-\d+|§\d+(\.\d+)+)$/);
  });
});
