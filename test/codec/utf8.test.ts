import fc from "fast-check";
import { isUtf8 } from "node:buffer";
import { describe, expect, test } from "vitest";
import { isEncodableString, isWellFormedUtf8, reasonCodeName } from "../../src/codec/index.ts";

describe("isWellFormedUtf8", () => {
  test("every sequence of two bytes, as Node judges it", () => {
    for (let value = 0; value < 0x1_0000; value++) {
      const pair = Buffer.from([value >> 8, value & 0xff]);
      if (isWellFormedUtf8(pair) !== isUtf8(pair)) expect.fail(pair.toString("hex"));
    }
  });

  test("lead bytes with borderline continuations, short and long", () => {
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for (let lead = 0x80; lead < 0x100; lead++) {
      for (const second of edges) {
        for (const third of edges) {
          for (const fourth of [0x7f, 0x80, 0xbf, 0xc0]) {
            const sequence = Buffer.from([lead, second, third, fourth]);
            if (isWellFormedUtf8(sequence) !== isUtf8(sequence)) expect.fail(sequence.toString("hex"));
          }
        }
      }
    }
  });

  test("bytes of any length, as Node judges them", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: "binary", maxLength: 200 }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, fc.nat(200), (input, end) => {
        const part = Buffer.from(input).subarray(0, end);
        expect(isWellFormedUtf8(part)).toBe(isUtf8(part));
      }),
      { numRuns: 1000 },
    );
  });

  test("U+0000 and U+FEFF are well-formed", () => {
    expect(isWellFormedUtf8(Buffer.from([0]))).toBe(true);
    expect(isWellFormedUtf8(Buffer.from(`\uFEFF${"a".repeat(200)}`))).toBe(true);
    expect(isWellFormedUtf8(Buffer.alloc(0))).toBe(true);
  });
});

test("isEncodableString", () => {
  for (const text of ["", "a", "é", "😀", "\uFEFF", "a".repeat(65_535), "é".repeat(32_767)])
    expect(isEncodableString(text)).toBe(true);
  for (const text of ["\0", "a\0b", "\ud800", "\udc00a", "a".repeat(65_536), "é".repeat(32_768)])
    expect(isEncodableString(text)).toBe(false);
});

test("reasonCodeName", () => {
  expect(reasonCodeName(0x87)).toBe("Not Authorized");
  expect(reasonCodeName(0x01)).toBe("Granted Qos 1");
  expect(reasonCodeName(0x05)).toBe("0x05");
});
