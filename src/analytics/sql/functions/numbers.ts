/** Mathematics, rounding, conversion and encoding. */
import type { Call } from "../ast.ts";
import type { Bind, Bound, Functions, ScalarFunction } from "../bound.ts";
import { SqlError } from "../error.ts";
import {
  FLOAT64,
  type IntegerType,
  STRING,
  type Type,
  asNumber,
  commonType,
  integer,
  isNumeric,
  isTime,
  typeName,
} from "../types.ts";
import { type Value, type Whole, compare, exact, utf8Bytes, wrap } from "../values.ts";
import { toWhole } from "./arithmetic.ts";
import { expectNumber, wrongType } from "./check.ts";
import { textOf } from "./text.ts";

function float(arity: number, apply: (...values: number[]) => number, isDocumented = true): Functions[string] {
  return {
    arity: [arity, arity],
    isDocumented,
    bind: (args, call) => {
      expectNumber(args, call);
      return { type: FLOAT64, apply: (...values: Whole[]) => apply(...values.map(Number)) };
    },
  };
}

/** To a neighbour: of two that are equally near, the even one where `rounds` says so. */
type Rounding = (value: number) => number;

const toEven: Rounding = (value) => {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return withSign(Math.round(value), value);
  return withSign(below % 2 === 0 ? below : below + 1, value);
};

/** -0.4 becomes -0. */
function withSign(rounded: number, value: number): number {
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** What to add to a whole number before it is cut down to a multiple of the scale. */
type Nudge = (value: Whole, scale: number) => number;

function rounding(broken: Rounding, nudge: Nudge): Functions[string] {
  return {
    arity: [1, 2],
    isDocumented: true,
    bind: (args, call) => {
      expectNumber(args.slice(0, 1), call);
      const digits = args[1] === undefined ? 0 : args[1].constant?.value;
      if (typeof digits !== "number" || !Number.isInteger(digits)) {
        throw wrongType(call, 1, args[1]!.type, "a number of digits that is written out");
      }
      const number = asNumber(args[0]!.type);
      const scale = 10 ** Math.min(Math.abs(digits), 18);
      if (number.kind === "integer") {
        const type = integer(number.isSigned, number.bits);
        if (digits >= 0) return { type, apply: (value: Whole) => value };
        // In the type's own bits, as ClickHouse computes it: round(255, -1) of an UInt8 is 0.
        const apply = (value: Whole): Whole => {
          const nudged = BigInt(wrap(exact(BigInt(value) + BigInt(nudge(value, scale))), type));
          return wrap(exact((nudged / BigInt(scale)) * BigInt(scale)), type);
        };
        return { type, apply };
      }
      const apply = (value: number): number => {
        if (digits === 0) return broken(value);
        const rounded = digits > 0 ? broken(value * scale) / scale : broken(value / scale) * scale;
        return Number.isFinite(rounded) ? rounded : value;
      };
      return { type: FLOAT64, apply };
    },
  };
}

/** @throws {SqlError} where a string is no number */
function toInteger(isSigned: boolean, bits: number, isDocumented = false): Functions[string] {
  const type = integer(isSigned, bits);
  const fromText = (text: string, call: Call): Whole => {
    if (!(isSigned ? /^[+-]?\d+$/ : /^\+?\d+$/).test(text)) {
      throw new SqlError(`'${text}' is no ${typeName(type)}`, call.position, "filter such values out first");
    }
    return wrap(exact(BigInt(text.replace("+", ""))), type);
  };
  return {
    arity: [1, 1],
    isDocumented,
    bind: (args, call) => {
      const from = args[0]!.type;
      if (from.kind === "string") return { type, apply: (text: string) => fromText(text, call) };
      if (from.kind === "float") return { type, apply: (value: number) => toWhole(value, type, call) };
      if (!isNumeric(from) && !isTime(from)) throw wrongType(call, 0, from, "a number or a string");
      return { type, apply: (value: Whole) => wrap(value, type) };
    },
  };
}

const toFloat64: Bind = (args, call) => {
  const from = args[0]!.type;
  if (from.kind === "string") {
    const apply = (text: string): number => {
      const special = /^[+-]?(inf(inity)?|nan)$/i.exec(text)?.[1];
      if (special !== undefined)
        return special.startsWith("n") || special.startsWith("N") ? NaN : text.startsWith("-") ? -Infinity : Infinity;
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
        throw new SqlError(`'${text}' is no Float64`, call.position, "filter such values out first");
      }
      return Number(text);
    };
    return { type: FLOAT64, apply };
  }
  if (!isNumeric(from) && !isTime(from)) throw wrongType(call, 0, from, "a number or a string");
  return { type: FLOAT64, apply: Number };
};

function bytesOf(value: Value, type: Type): Uint8Array {
  if (type.kind === "string") return utf8Bytes(value as string);
  if (type.kind === "float") return new Uint8Array(new Float64Array([Number(value)]).buffer);
  // Whole numbers from their highest byte that is not 0 on.
  let rest = BigInt.asUintN((asNumber(type) as IntegerType).bits, BigInt(value as Whole));
  const bytes: number[] = [];
  do {
    bytes.unshift(Number(rest & 255n));
    rest >>= 8n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function encoded(base: 2 | 16): Functions[string] {
  const width = base === 2 ? 8 : 2;
  return {
    arity: [1, 1],
    isDocumented: true,
    bind: (args, call) => {
      const { type } = args[0]!;
      if (type.kind === "array" || type.kind === "interval") throw wrongType(call, 0, type, "a string or a number");
      const apply = (value: Value): string =>
        Array.from(bytesOf(value, type), (byte) => byte.toString(base).padStart(width, "0"))
          .join("")
          .toUpperCase();
      return { type: STRING, apply };
    },
  };
}

/** greatest and least. */
function extreme(sign: 1 | -1): Functions[string] {
  return {
    arity: [2, Infinity],
    isDocumented: false,
    bind: (args, call) => {
      const type = args
        .map((arg) => arg.type)
        .reduce((a, b) => {
          const common = commonType(a, b);
          if (common === undefined)
            throw new SqlError(`${typeName(a)} and ${typeName(b)} do not compare`, call.position);
          return common;
        });
      const apply = (...values: Value[]): Value =>
        values.reduce((best, value) => (sign * compare(value, best) > 0 ? value : best));
      return { type, apply };
    },
  };
}

const toText: ScalarFunction = {
  arity: [1, 1],
  isDocumented: false,
  bind: ([arg]) => ({ type: STRING, apply: (value: Value) => textOf(value, arg!.type) }),
};

const log: Functions[string] = float(1, Math.log);
const pow: Functions[string] = float(2, Math.pow);

function magnitude(args: readonly Bound[], call: Call): ReturnType<Bind> {
  expectNumber(args, call);
  const type = asNumber(args[0]!.type);
  if (type.kind === "float") return { type: FLOAT64, apply: Math.abs };
  const unsigned = integer(false, type.bits);
  return { type: unsigned, apply: (value: Whole) => (value < 0 ? wrap(exact(-BigInt(value)), unsigned) : value) };
}

export const numbers: Functions = {
  log,
  ln: log,
  pow,
  power: { ...pow, isDocumented: false },
  log2: float(1, Math.log2, false),
  log10: float(1, Math.log10, false),
  exp: float(1, Math.exp, false),
  sqrt: float(1, Math.sqrt, false),
  abs: { arity: [1, 1], isDocumented: false, bind: magnitude },
  round: rounding(toEven, (value, scale) => (value < 0 ? -scale / 2 : scale / 2)),
  floor: rounding(Math.floor, (value, scale) => (value < 0 ? 1 - scale : 0)),
  ceil: rounding(
    (value) => withSign(Math.ceil(value), value),
    (value, scale) => (value > 0 ? scale - 1 : 0),
  ),
  greatest: extreme(1),
  least: extreme(-1),
  toUInt8: toInteger(false, 8, true),
  toUInt16: toInteger(false, 16),
  toUInt32: toInteger(false, 32, true),
  toUInt64: toInteger(false, 64),
  toInt8: toInteger(true, 8),
  toInt16: toInteger(true, 16),
  toInt32: toInteger(true, 32),
  toInt64: toInteger(true, 64),
  toFloat64: { arity: [1, 1], isDocumented: false, bind: toFloat64 },
  toString: toText,
  hex: encoded(16),
  bin: encoded(2),
};
