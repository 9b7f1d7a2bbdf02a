import { expect, test } from "vitest";
import { MessagePages } from "../../../src/store/journal/message-pages.ts";

const KIB = 1024;

/** Its bytes tell where they are. */
function segment(length: number, first = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index + first) % 251));
}

test("an entry is where its page says, while the page grows and afterwards", () => {
  const [a, b] = [segment(100 * KIB), segment(100 * KIB, 7)];
  const pages = new MessagePages();
  const added = [a, b].flatMap((bytes) =>
    // Behind each other, apart, near the end of a page, and larger than one.
    (
      [
        [0, 10],
        [10, 30],
        [200, 300],
        [5000, 36_000],
        [36_010, 40_000],
        [40_000, 90_000],
      ] as const
    ).map(([start, end]) => {
      const offset = pages.add(bytes, start, end);
      return { page: pages.page, offset, expected: bytes.subarray(start, end) };
    }),
  );
  const read = ({ page, offset, expected }: (typeof added)[number]) => {
    const [bytes, at] = pages.take(page, offset);
    expect(bytes.subarray(at, at + expected.length).equals(expected)).toBe(true);
    return bytes;
  };
  expect(read(added.pop()!)).toBe(b);
  pages.complete();
  const kept = new Set(added.map(read));
  expect(kept.has(a) || kept.has(b)).toBe(false);
  for (const bytes of kept) expect(bytes.buffer.byteLength).toBe(bytes.length);
});

test("few entries that stand far apart keep little", () => {
  const bytes = segment(100 * KIB);
  const pages = new MessagePages();
  const places = Array.from({ length: 20 }, (_, index) => [
    pages.add(bytes, index * 4000, index * 4000 + 50),
    pages.page,
  ]);
  pages.complete();
  let kept = 0;
  for (const [offset, page] of places) kept += pages.take(page!, offset!)[0].length;
  expect(kept).toBe(20 * 50);
});
