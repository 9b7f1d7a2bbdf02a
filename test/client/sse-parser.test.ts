import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ServerSentEvent, SseParser } from "../../src/client/sse-parser.ts";

const stream = [
  ": a comment\n\n",
  "data: one\n\n",
  "id: 7\ndata: two\n\n",
  "event: lost\ndata: three\ndata:  with a space\ndata\n\n",
  "event: nothing\n\n",
  "retry: 10\nunknown: x\ndata:four:4\n\n",
  "id\ndata: five\n\n",
  "id: a\u0000b\ndata: 🙂\n\n",
  "data: never finished\n",
].join("");
const expected: ServerSentEvent[] = [
  { event: "message", data: "one", id: "" },
  { event: "message", data: "two", id: "7" },
  { event: "lost", data: "three\n with a space\n", id: "7" },
  { event: "message", data: "four:4", id: "7" },
  { event: "message", data: "five", id: "" },
  { event: "message", data: "🙂", id: "" },
];

const parse = (pieces: readonly string[]) => {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

describe.each([
  ["LF", "\n"],
  ["CRLF", "\r\n"],
  ["CR", "\r"],
])("lines that end with %s", (_, end) => {
  const text = stream.replaceAll("\n", end);

  test("in one piece", () => expect(parse([text])).toEqual(expected));
  test("one character at a time", () => expect(parse(text.split(/(?:)/u))).toEqual(expected));
  test("split at each point", () => {
    for (let at = 0; at <= text.length; at++) expect(parse([text.slice(0, at), text.slice(at)])).toEqual(expected);
  });
});

test("split anywhere, with any mixture of line ends", () => {
  const end = fc.constantFrom("\n", "\r", "\r\n");
  const lines = fc.array(fc.tuple(fc.constantFrom("data: x", "data", "id: 1", "event: e", ":", "", "y"), end));
  const cuts = fc.array(fc.nat(200));
  fc.assert(
    fc.property(lines, cuts, (all, at) => {
      const text = all.flat().join("");
      const points = [0, ...at.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
      const pieces = points.slice(1).map((point, i) => text.slice(points[i], point));
      expect(parse(pieces)).toEqual(parse([text]));
    }),
  );
});

test("a byte order mark at the start only", () => {
  expect(parse(["\uFEFFdata: a\n\n\uFEFFdata: b\n\n"])).toMatchObject([{ data: "a" }]);
  expect(parse(["\uFEFF", "data: a\n\n"])).toMatchObject([{ data: "a" }]);
});

test("endless events are an error, not a leak", () => {
  const piece = "x".repeat(1024 * 1024);
  const inOneLine = new SseParser();
  expect(() => {
    for (let i = 0; i < 20; i++) inOneLine.push(i === 0 ? `data: ${piece}` : piece);
  }).toThrow(RangeError);
  const inMany = new SseParser();
  expect(() => {
    for (let i = 0; i < 20; i++) inMany.push(`data: ${piece}\n`);
  }).toThrow(RangeError);
});
