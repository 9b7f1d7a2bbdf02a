/** = <> < > <= >= IN LIKE ILIKE. Results are UInt8: 1 or 0. */
import type { Call } from "../ast.ts";
import type { Bound, Functions } from "../bound.ts";
import { SqlError } from "../error.ts";
import { type Type, UINT8, isNumeric, isTime, nullable, typeName } from "../types.ts";
import { type Value, compare } from "../values.ts";
import { SECONDS_PER_DAY } from "./calendar.ts";
import { fromLocal } from "./zones.ts";
import { parseDate, parseDateTime } from "./moments.ts";
import { constantString, expectString } from "./check.ts";

/** Both so that they compare: strings beside times become times, dates beside moments moments. */
function comparable(left: Bound, right: Bound, call: Call): [Bound, Bound] {
  const [a, b] = [left.type, right.type];
  if (isTime(a) && b.kind === "string") return [left, asTime(right, a, call)];
  if (isTime(b) && a.kind === "string") return [asTime(left, b, call), right];
  if (a.kind === "date" && b.kind === "datetime") return [startOfDay(left, b.zone), right];
  if (a.kind === "datetime" && b.kind === "date") return [left, startOfDay(right, a.zone)];
  const areAlike = a.kind === b.kind || (isNumberLike(a) && isNumberLike(b));
  if (!areAlike) {
    const hint =
      a.kind === "string" || b.kind === "string" ? "strings stand in single quotes: blob1 = 'eu'" : undefined;
    throw new SqlError(`${typeName(a)} and ${typeName(b)} do not compare`, call.position, hint);
  }
  return [left, right];
}

function isNumberLike(type: Type): boolean {
  return isNumeric(type) || type.kind === "datetime";
}

function startOfDay(bound: Bound, zone: string | undefined): Bound {
  return mapped(bound, (days) => fromLocal(zone, (days as number) * SECONDS_PER_DAY));
}

function asTime(bound: Bound, like: Type, call: Call): Bound {
  const { position } = call;
  if (like.kind === "date") return mapped(bound, (text) => parseDate(text as string, position));
  const zone = like.kind === "datetime" ? like.zone : undefined;
  return mapped(bound, (text) => parseDateTime(text as string, zone, position));
}

/** Constants are converted once. */
function mapped(bound: Bound, convert: (value: Value) => Value): Bound {
  if (bound.constant !== undefined) {
    const { value } = bound.constant;
    const converted = value === null ? null : convert(value);
    return { ...bound, constant: { value: converted }, at: () => converted };
  }
  return {
    ...bound,
    at: (row) => {
      const value = bound.at(row);
      return value === null ? null : convert(value);
    },
  };
}

function comparison(test: (order: number) => boolean, isNegated = false): Functions[string] {
  return {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      const [left, right] = comparable(args[0]!, args[1]!, call);
      const a = left.at;
      const isString = left.type.kind === "string";
      const outcome = (x: Value, y: Value): Value => {
        if (x === null || y === null) return null;
        // NaN compares with nothing.
        if (x !== x || y !== y) return isNegated ? 1 : 0;
        return test(compare(x, y)) ? 1 : 0;
      };
      if (right.constant === undefined) {
        const b = right.at;
        return { type: UINT8, at: (row) => outcome(a(row), b(row)) };
      }
      const { value } = right.constant;
      // The hot case: blob1 = 'eu'.
      if (isString && test(0) && !test(1) && !test(-1)) return { type: UINT8, at: (row) => same(a(row), value) };
      return { type: UINT8, at: (row) => outcome(a(row), value) };
    },
  };
}

function same(a: Value, b: Value): Value {
  return a === null ? null : a === b ? 1 : 0;
}

/** Items are constants, nearly always. */
function membership(isNegated: boolean): Functions[string] {
  const [found, missing] = isNegated ? [0, 1] : [1, 0];
  return {
    arity: [2, Infinity],
    isDocumented: true,
    nulls: "own",
    bind: ([subject, ...items], call) => {
      const type = subject!.type.isNullable ? nullable(UINT8) : UINT8;
      const values = items
        .filter((item) => item.type.kind !== "null")
        .map((item) => {
          if (item.constant === undefined) throw new SqlError("IN takes values that are written out", call.position);
          return comparable(subject!, item, call)[1].constant!.value;
        });
      const set = new Set(values);
      const { at } = subject!;
      return {
        type,
        at: (row) => {
          const value = at(row);
          if (value === null) return null;
          // ClickHouse's set finds no NaN.
          return value === value && set.has(value) ? found : missing;
        },
      };
    },
  };
}

/** Of a pattern with % and _; a backslash takes their meaning away. */
function likePattern(pattern: string, ignoresCase: boolean): RegExp {
  let source = "";
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index]!;
    if (character === "%") source += "[^]*";
    else if (character === "_") source += "[^]";
    else {
      const isEscape = character === "\\" && /[%_\\]/.test(pattern[index + 1] ?? "");
      source += (isEscape ? pattern[++index]! : character).replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);
    }
  }
  return new RegExp(`^${source}$`, ignoresCase ? "iu" : "u");
}

/** Longest text that is matched against a pattern with several %: they take time in its square. */
function like(isNegated: boolean, ignoresCase: boolean): Functions[string] {
  const [found, missing] = isNegated ? [0, 1] : [1, 0];
  return {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      expectString(args, call);
      const pattern = matcher(constantString(args[1], call, 1)!, ignoresCase);
      return { type: UINT8, apply: (text: string) => (pattern(text) ? found : missing) };
    },
  };
}

/** Without backtracking: pieces between % are found one behind the other. */
function matcher(pattern: string, ignoresCase: boolean): (text: string) => boolean {
  const pieces = pattern.split(/(?<!(?<!\\)(?:\\\\)*\\)%/);
  if (pieces.length === 1) {
    const whole = likePattern(pattern, ignoresCase);
    return (text) => whole.test(text);
  }
  const flags = ignoresCase ? "iu" : "u";
  const bodies = pieces.map((piece) => likePattern(piece, ignoresCase).source.slice(1, -1));
  const first = new RegExp(`^${bodies[0]!}`, flags);
  const last = new RegExp(`${bodies.at(-1)!}$`, flags);
  const middle = bodies.slice(1, -1).map((body) => new RegExp(body, `${flags}g`));
  return (text) => {
    const start = first.exec(text);
    const end = last.exec(text);
    if (start === null || end === null || start[0].length > end.index) return false;
    let from = start[0].length;
    for (const piece of middle) {
      piece.lastIndex = from;
      if (!piece.test(text) || piece.lastIndex > end.index) return false;
      from = piece.lastIndex;
    }
    return true;
  };
}

export const comparisons: Functions = {
  equals: comparison((order) => order === 0),
  notEquals: comparison((order) => order !== 0, true),
  less: comparison((order) => order < 0),
  greater: comparison((order) => order > 0),
  lessOrEquals: comparison((order) => order <= 0),
  greaterOrEquals: comparison((order) => order >= 0),
  in: membership(false),
  notIn: membership(true),
  like: like(false, false),
  notLike: like(true, false),
  ilike: like(false, true),
  notILike: like(true, true),
};
