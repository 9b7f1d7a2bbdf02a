/** Functions of strings. Where Cloudflare says so they count code points, unlike ClickHouse's of the same name. */
import type { Call } from "../ast.ts";
import type { Bind, Bound, Functions } from "../bound.ts";
import { SqlError } from "../error.ts";
import { STRING, UINT64, UINT8, isNumeric } from "../types.ts";
import { type Value, type Whole, utf8Bytes } from "../values.ts";
import { constantString, expectString, wrongType } from "./check.ts";
import { textOf } from "./text.ts";

function ofStrings(arity: number, apply: (...texts: string[]) => string, isDocumented = true): Functions[string] {
  return {
    arity: [arity, arity],
    isDocumented,
    bind: (args, call) => {
      expectString(args, call);
      return { type: STRING, apply };
    },
  };
}

function test(outcome: (a: string, b: string) => boolean, arity = 2, isDocumented = true): Functions[string] {
  return {
    arity: [arity, arity],
    isDocumented,
    bind: (args, call) => {
      expectString(args, call);
      return { type: UINT8, apply: (a: string, b: string) => (outcome(a, b) ? 1 : 0) };
    },
  };
}

function codePoints(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    // The second half of a pair counts for both.
    if ((text.charCodeAt(index) & 0xfc00) !== 0xdc00) count++;
  }
  return count;
}

const length: Bind = (args, call) => {
  const { type } = args[0]!;
  if (type.kind === "array") return { type: UINT64, apply: (items: readonly Value[]) => items.length };
  expectString(args, call);
  return { type: UINT64, apply: codePoints };
};

/** Counts from 1, in bytes as ClickHouse does; 0 where the needle is not there. */
function position(haystack: string, needle: string): number {
  const index = haystack.indexOf(needle);
  return index === -1 ? 0 : utf8Bytes(haystack.slice(0, index)).length + 1;
}

/** Offsets count from 1, negative ones from the end; a negative length leaves out what is at the end. */
function substring(text: string, offset: number, count = Infinity): string {
  if (offset === 0) return "";
  const points = Array.from(text);
  const from = offset > 0 ? offset - 1 : Math.max(points.length + offset, 0);
  const to = count < 0 ? points.length + count : from + count;
  return points.slice(from, Math.max(to, 0)).join("");
}

const PLACEHOLDER = /\{(\d*)\}/g;

const format: Bind = (args, call) => {
  const pattern = constantString(args[0], call, 0)!;
  if (/[{}]/.test(pattern.replaceAll(PLACEHOLDER, ""))) {
    throw new SqlError(
      "the format has a brace without its other half",
      call.args[0]!.position,
      "{} and {0} stand for values",
    );
  }
  let next = 0;
  const indices = [...pattern.matchAll(PLACEHOLDER)].map(([, index]) => (index === "" ? next++ : Number(index)));
  const pieces = pattern.split(/\{\d*\}/);
  const values = args.slice(1);
  if (indices.some((index) => index >= values.length)) {
    throw new SqlError("the format has more places than values follow", call.position);
  }
  const apply = (_: string, ...given: Value[]): string =>
    pieces
      .map((piece, at) => (at === 0 ? piece : textOf(given[indices[at - 1]!]!, values[indices[at - 1]!]!.type) + piece))
      .join("");
  return { type: STRING, apply };
};

const concat: Bind = (args) => {
  const types = args.map(({ type }) => type);
  return {
    type: STRING,
    apply: (...values: Value[]) => values.map((value, index) => textOf(value, types[index]!)).join(""),
  };
};

function expectWhole(arg: Bound | undefined, call: Call, index: number): void {
  if (arg !== undefined && !isNumeric(arg.type)) throw wrongType(call, index, arg.type, "a whole number");
}

const lowerAscii = (text: string) => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
const upperAscii = (text: string) => text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
const lowerAll = (text: string) => text.toLowerCase();
const upperAll = (text: string) => text.toUpperCase();

export const strings: Functions = {
  length: { arity: [1, 1], isDocumented: true, bind: length },
  empty: test((text) => text === "", 1),
  notEmpty: test((text) => text !== "", 1, false),
  lower: ofStrings(1, lowerAscii),
  upper: ofStrings(1, upperAscii),
  lowerUTF8: ofStrings(1, lowerAll),
  upperUTF8: ofStrings(1, upperAll),
  toLower: ofStrings(1, lowerAll),
  toUpper: ofStrings(1, upperAll),
  trim: ofStrings(1, (text) => text.replaceAll(/^ +| +$/g, ""), false),
  startsWith: test((text, prefix) => text.startsWith(prefix)),
  endsWith: test((text, suffix) => text.endsWith(suffix)),
  position: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      expectString(args, call);
      return { type: UINT64, apply: position };
    },
  },
  substring: {
    arity: [2, 3],
    isDocumented: true,
    bind: (args, call) => {
      expectString(args.slice(0, 1), call);
      expectWhole(args[1], call, 1);
      expectWhole(args[2], call, 2);
      const apply = (text: string, offset: Whole, count?: Whole): string =>
        substring(text, Number(offset), count === undefined ? Infinity : Number(count));
      return { type: STRING, apply };
    },
  },
  format: { arity: [2, Infinity], isDocumented: true, bind: format },
  concat: { arity: [1, Infinity], isDocumented: false, bind: concat },
};
