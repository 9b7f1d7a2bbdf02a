/** A table of names hands out what the bytes say, whatever came before. */
import fc from "fast-check";
import { isUtf8 } from "node:buffer";
import { expect, test } from "vitest";
import { CodecError, TopicNames } from "../../src/codec/index.ts";

/** A name as in PUBLISH, with something before and behind it. */
function framed(name: Uint8Array, before = 4): { bytes: Buffer; view: DataView; start: number; end: number } {
  const bytes = Buffer.concat([Buffer.alloc(before, before), name, Buffer.from("payload")]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, start: before, end: before + name.length };
}

function read(names: TopicNames, name: Uint8Array, before?: number): string {
  const { bytes, view, start, end } = framed(name, before);
  return names.read(bytes, view, start, end);
}

function find(names: TopicNames, name: Uint8Array, before?: number): string | undefined {
  const { view, start, end } = framed(name, before);
  return names.find(view, start, end);
}

const piece = fc.constantFrom("a", "b", "/", "temperature", "ü", "漢", "💡", "x".repeat(60));
const name = fc.oneof(
  { weight: 5, arbitrary: fc.array(piece, { maxLength: 4 }).map((pieces) => Buffer.from(pieces.join(""))) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)) },
);

test.each([1, 2, 64])("in a table of %i", (size) => {
  const names = new TopicNames(size);
  let found = 0;
  fc.assert(
    fc.property(name, fc.integer({ min: 4, max: 8 }), (bytes, before) => {
      const known = find(names, bytes, before);
      if (!isUtf8(bytes) || bytes.includes(0)) {
        expect(known).toBeUndefined();
        expect(() => read(names, bytes)).toThrow(CodecError);
        return;
      }
      const text = bytes.toString();
      if (known !== undefined) {
        expect(known).toBe(text);
        found++;
      }
      expect(read(names, bytes, before)).toBe(text);
    }),
    { numRuns: 3000, seed: size },
  );
  expect(found).toBeGreaterThan(size);
});

test.each(["", "a", "abcd", "x".repeat(124)])("%j is found after it came", (text) => {
  const names = new TopicNames(16);
  expect(find(names, Buffer.from(text))).toBeUndefined();
  expect(read(names, Buffer.from(text), 4)).toBe(text);
  expect(find(names, Buffer.from(text), 7)).toBe(text === "" ? undefined : text);
});

test("a long name is read, and not remembered", () => {
  const names = new TopicNames(16);
  const text = "x".repeat(125);
  expect([read(names, Buffer.from(text)), find(names, Buffer.from(text))]).toEqual([text, undefined]);
});

test("names that come once take no place of another, one that comes back does", () => {
  const names = new TopicNames(1);
  const [first, other] = ["first", "other"].map((text) => Buffer.from(text)) as [Buffer, Buffer];
  read(names, first);
  read(names, other);
  read(names, Buffer.from("third"));
  expect(find(names, first)).toBe("first");
  read(names, other);
  read(names, other);
  expect([find(names, first), find(names, other)]).toEqual([undefined, "other"]);
});
