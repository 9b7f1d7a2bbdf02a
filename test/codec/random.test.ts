/** What holds for all packets and for all bytes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError, Decoder, encode, encodedLength, encodeInto } from "../../src/codec/index.ts";
import type { Packet, ProtocolVersion } from "../../src/codec/index.ts";
import { packets } from "./arbitraries.ts";
import { decodeAll, decoderFor } from "./support.ts";

const versions = [3, 4, 5] as const;
/** Where to cut a stream, as shares of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

function cut(stream: Buffer, shares: number[]): Buffer[] {
  const ends = [...shares.map((share) => Math.floor(share * stream.length)), stream.length].sort((a, b) => a - b);
  return ends.map((end, index) => stream.subarray(index === 0 ? 0 : ends[index - 1], end));
}

/** Packets up to the end or the failure, and the failure's reason code. */
function outcome(
  chunks: Iterable<Buffer>,
  version: ProtocolVersion | undefined,
): { packets: Packet[]; reasonCode: number | undefined } {
  const decoder = new Decoder({ protocolVersion: version, maximumPacketSize: 100_000 });
  const decoded: Packet[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) decoded.push(packet);
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return { packets: decoded, reasonCode: error.reasonCode };
  }
  return { packets: decoded, reasonCode: undefined };
}

describe.each(versions)("version %i", (version) => {
  test("what is encoded decodes to the same packet", () => {
    fc.assert(
      fc.property(packets(version), (packet) => {
        const encoded = encode(packet, version);
        expect(encodedLength(packet, version)).toBe(encoded.length);
        const target = Buffer.alloc(encoded.length + 4, 0x55);
        expect(encodeInto(packet, version, target, 2)).toBe(encoded.length + 2);
        expect(target.subarray(2, -2).equals(encoded)).toBe(true);
        expect(target.readUInt16BE(0) === 0x5555 && target.readUInt16BE(encoded.length + 2) === 0x5555).toBe(true);
        const [decoded, ...more] = decodeAll([encoded], decoderFor(packet, version));
        expect(decoded).toEqual(packet);
        expect(more).toEqual([]);
        expect(encode(decoded!, version).equals(encoded)).toBe(true);
      }),
      { numRuns: 600 },
    );
  });

  test("cuts in the stream change nothing", () => {
    fc.assert(
      fc.property(fc.array(packets(version), { minLength: 1, maxLength: 8 }), cuts, (sent, shares) => {
        const stream = Buffer.concat(sent.map((packet) => encode(packet, version)));
        const decoder = new Decoder({ protocolVersion: version });
        expect(decodeAll(cut(stream, shares), decoder)).toEqual(sent);
        // All pushed before the first pull.
        const late = new Decoder({ protocolVersion: version });
        for (const chunk of cut(stream, shares)) late.push(chunk);
        expect(decodeAll([], late)).toEqual([]);
        for (const packet of sent) expect(late.next()).toEqual(packet);
        expect(late.next()).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });

  test("mutated packets give a packet or a CodecError, however they are cut", () => {
    const mutation = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom("set", "insert", "remove"),
    );
    fc.assert(
      fc.property(
        packets(version),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        cuts,
        (packet, mutations, shares) => {
          const bytes = [...encode(packet, version)];
          for (const [share, byte, kind] of mutations) {
            const index = Math.floor(share * bytes.length);
            if (kind === "set") bytes[index] = byte;
            else if (kind === "insert") bytes.splice(index, 0, byte);
            else bytes.splice(index, 1);
          }
          const stream = Buffer.from(bytes);
          const whole = outcome([stream], version);
          expect(outcome(cut(stream, shares), version)).toEqual(whole);
          // Whatever passes can be said again, and means the same.
          for (const decoded of whole.packets) {
            expect(decodeAll([encode(decoded, version)], decoderFor(decoded, version))).toEqual([decoded]);
          }
        },
      ),
      { numRuns: 600 },
    );
  });
});

test("random bytes give packets or a CodecError, however they are cut", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      cuts,
      fc.constantFrom(undefined, ...versions),
      (input, shares, version) => {
        const stream = Buffer.from(input);
        expect(outcome(cut(stream, shares), version)).toEqual(outcome([stream], version));
      },
    ),
    { numRuns: 1500 },
  );
});

test("random bytes after a plausible fixed header give packets or a CodecError", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: 120 }),
      fc.constantFrom(...versions),
      (first, body, version) => {
        const stream = Buffer.concat([Buffer.from([first, body.length]), body]);
        expect(outcome(cut(stream, [0.5]), version)).toEqual(outcome([stream], version));
      },
    ),
    { numRuns: 1500 },
  );
});
