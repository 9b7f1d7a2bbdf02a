/** + - * / % and intDiv. The types of results are ClickHouse's: wide enough for any two values, up to 64 bits. */
import type { Call } from "../ast.ts";
import type { Bound, Functions } from "../bound.ts";
import { SqlError } from "../error.ts";
import { FLOAT64, INT32, type IntegerType, type Type, asNumber, integer, isNumeric, isTime } from "../types.ts";
import { type Value, type Whole, add, exact, multiply, subtract, wrap } from "../values.ts";
import { expectNumber, expectNumberOrTime, wrongType } from "./check.ts";
import { addInterval } from "./intervals.ts";

/** Both as whole numbers; undefined where one is a Float64. */
function integers(args: readonly Bound[]): [IntegerType, IntegerType] | undefined {
  const [a, b] = [asNumber(args[0]!.type), asNumber(args[1]!.type)];
  return a.kind === "integer" && b.kind === "integer" ? [a, b] : undefined;
}

type WholeOperation = (a: Whole, b: Whole, type: IntegerType) => Whole;

function operation(
  args: readonly Bound[],
  call: Call,
  signed: (a: IntegerType, b: IntegerType) => boolean,
  whole: WholeOperation,
  broken: (a: number, b: number) => number,
): { type: Type; apply: (a: Whole, b: Whole) => Value } {
  expectNumber(args, call);
  const both = integers(args);
  if (both === undefined) return { type: FLOAT64, apply: (a, b) => broken(Number(a), Number(b)) };
  const type = integer(signed(...both), Math.max(both[0].bits, both[1].bits) * 2);
  return { type, apply: (a, b) => whole(a, b, type) };
}

/** Time ± interval, time ± seconds or days; undefined where there is none. */
function shifted(args: readonly Bound[], call: Call, sign: 1 | -1): ReturnType<Functions[string]["bind"]> | undefined {
  const [left, right] = args as [Bound, Bound];
  if (right.type.kind === "interval" && isTime(left.type)) return addInterval(left.type, right.type.unit, sign);
  if (sign === 1 && left.type.kind === "interval" && isTime(right.type)) {
    const { type, apply } = addInterval(right.type, left.type.unit, 1);
    return { type, apply: (count: number, time: number) => apply(time, count) };
  }
  if (left.type.kind === "interval" || right.type.kind === "interval") {
    const index = left.type.kind === "interval" ? 1 : 0;
    throw wrongType(call, index, args[index]!.type, "a DateTime beside an interval");
  }
  const time = isTime(left.type) ? left : sign === 1 && isTime(right.type) ? right : undefined;
  if (time === undefined || !(isNumeric(left.type) || isNumeric(right.type))) return undefined;
  const bits = asNumber(time.type) as IntegerType;
  return {
    type: time.type,
    apply: (a: Whole, b: Whole) => wrap(Math.trunc(Number(a) + sign * Number(b)), bits),
  };
}

function wholeDivision(args: readonly Bound[], call: Call) {
  // The documentation of 2022 divides times.
  expectNumberOrTime(args, call);
  const [a, b] = args.map(({ type }) => asNumber(type));
  const isSigned = [a, b].some((type) => type!.kind === "float" || (type as IntegerType).isSigned);
  const type = integer(isSigned, a!.kind === "float" ? 64 : (a as IntegerType).bits);
  const isBroken = a!.kind === "float" || b!.kind === "float";
  const casts = isBroken ? undefined : asSigned(a as IntegerType, b as IntegerType);
  const apply = (dividend: Whole, divisor: Whole): Whole => {
    if (Number(divisor) === 0) throw divisionByZero(call);
    const [x, y] = casts === undefined ? [dividend, divisor] : [wrap(dividend, casts[0]), wrap(divisor, casts[1])];
    if (!isBroken && (typeof x === "bigint" || typeof y === "bigint")) {
      return wrap(exact(BigInt(x) / BigInt(y)), type);
    }
    return toWhole(Number(x) / Number(y), type, call);
  };
  return { type, apply };
}

/** What is behind the point is cut off. @throws {SqlError} for NaN and infinity */
export function toWhole(value: number, type: IntegerType, call: Call): Whole {
  const whole = Math.trunc(value) + 0;
  if (Number.isSafeInteger(whole)) return wrap(whole, type);
  if (!Number.isFinite(whole)) throw new SqlError(`${call.name} has no whole number for ${value}`, call.position);
  return wrap(exact(BigInt(whole)), type);
}

function divisionByZero(call: Call): SqlError {
  return new SqlError("division by zero", call.position, "guard it: if(x = 0, 0, intDiv(y, x)); / gives inf or nan");
}

function remainder(args: readonly Bound[], call: Call) {
  expectNumberOrTime(args, call);
  const both = integers(args);
  if (both === undefined)
    return { type: FLOAT64, apply: (a: Whole, b: Whole) => brokenRemainder(Number(a), Number(b)) };
  const [a, b] = both;
  const type = integer(a.isSigned, a.isSigned ? b.bits * 2 : b.bits);
  const common = a.isSigned === b.isSigned ? undefined : promoted(a, b);
  const apply = (dividend: Whole, divisor: Whole): Whole => {
    if (Number(divisor) === 0) throw divisionByZero(call);
    const [x, y] = common === undefined ? [dividend, divisor] : [wrap(dividend, common), wrap(divisor, common)];
    if (typeof x === "bigint" || typeof y === "bigint") return wrap(exact(BigInt(x) % BigInt(y)), type);
    return wrap((x % y) + 0, type);
  };
  return { type, apply };
}

/** As ClickHouse computes it: unlike C's, it is off where the quotient is rounded, and NaN for infinity. */
function brokenRemainder(a: number, b: number): number {
  return a - Math.trunc(a / b) * b;
}

/** What C++ makes of two whole numbers before it divides them. */
function promoted(a: IntegerType, b: IntegerType): IntegerType {
  const [left, right] = [a, b].map((type) => (type.bits < 32 ? INT32 : type)) as [IntegerType, IntegerType];
  const bits = Math.max(left.bits, right.bits);
  return integer(
    [left, right].every((type) => type.isSigned || type.bits < bits),
    bits,
  );
}

/** Where one is signed, ClickHouse takes the bits of the other for a signed number, in the wider type. */
function asSigned(a: IntegerType, b: IntegerType): [IntegerType, IntegerType] | undefined {
  return a.isSigned === b.isSigned ? undefined : [integer(true, a.bits), integer(true, Math.max(a.bits, b.bits))];
}

const anySigned = (a: IntegerType, b: IntegerType) => a.isSigned || b.isSigned;

export const arithmetic: Functions = {
  plus: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => shifted(args, call, 1) ?? operation(args, call, anySigned, add, (a, b) => a + b),
  },
  minus: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      const [left, right] = args as [Bound, Bound];
      if (isTime(left.type) && left.type.kind === right.type.kind) {
        return { type: INT32, apply: (a: number, b: number) => a - b };
      }
      return (
        shifted(args, call, -1) ??
        operation(
          args,
          call,
          () => true,
          subtract,
          (a, b) => a - b,
        )
      );
    },
  },
  multiply: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => operation(args, call, anySigned, multiply, (a, b) => a * b),
  },
  divide: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      expectNumber(args, call);
      return { type: FLOAT64, apply: (a: Whole, b: Whole) => Number(a) / Number(b) };
    },
  },
  modulo: { arity: [2, 2], isDocumented: true, bind: remainder },
  intDiv: { arity: [2, 2], isDocumented: true, bind: wholeDivision },
  negate: {
    arity: [1, 1],
    isDocumented: true,
    bind: (args, call) => {
      expectNumber(args, call);
      const from = asNumber(args[0]!.type);
      if (from.kind === "float") return { type: FLOAT64, apply: (value: number) => -value };
      const type = integer(true, from.isSigned ? from.bits : from.bits * 2);
      return { type, apply: (value: Whole) => subtract(0, value, type) };
    },
  },
};
