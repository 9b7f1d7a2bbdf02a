/** Bit functions. They work on two's complement in the width of the wider argument. */
import type { Call } from "../ast.ts";
import type { Bound, Functions } from "../bound.ts";
import { SqlError } from "../error.ts";
import { INT64, type IntegerType, UINT64, UINT8, asNumber, integer } from "../types.ts";
import { type Value, type Whole, exact, wrap } from "../values.ts";
import { expectNumber, wrongType } from "./check.ts";

function wholeTypes(args: readonly Bound[], call: Call): IntegerType[] {
  expectNumber(args, call);
  return args.map(({ type }, index) => {
    const number = asNumber(type);
    if (number.kind === "float") throw wrongType(call, index, type, "a whole number", "toUInt32(…) makes one");
    return number;
  });
}

type Bits = (a: bigint, b: bigint, type: IntegerType, call: Call) => bigint;

function binary(operation: Bits): Functions[string] {
  return {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      const [a, b] = wholeTypes(args, call) as [IntegerType, IntegerType];
      const type = integer(a.isSigned || b.isSigned, Math.max(a.bits, b.bits));
      const apply = (left: Whole, right: Whole): Value =>
        wrap(exact(operation(BigInt(left), BigInt(right), type, call)), type);
      return { type, apply };
    },
  };
}

/** The bits of a number, as those of a Float64 where it is one. */
function pattern(value: Whole, type: { kind: "float" } | IntegerType): bigint {
  if (type.kind === "float") return new BigUint64Array(new Float64Array([Number(value)]).buffer)[0]!;
  return BigInt.asUintN(type.bits, BigInt(value));
}

function ones(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

function shiftBy(b: bigint, type: IntegerType, call: Call): bigint {
  if (b < 0n) throw new SqlError(`${call.name} takes no negative number of bits`, call.position);
  return b > BigInt(type.bits) ? BigInt(type.bits) : b;
}

function rotateLeft(a: bigint, count: bigint, { bits }: IntegerType): bigint {
  const width = BigInt(bits);
  const by = ((count % width) + width) % width;
  const plain = BigInt.asUintN(bits, a);
  return BigInt.asUintN(bits, (plain << by) | (plain >> (width - by)));
}

export const bitFunctions: Functions = {
  bitAnd: binary((a, b) => a & b),
  bitOr: binary((a, b) => a | b),
  bitXor: binary((a, b) => a ^ b),
  bitShiftLeft: binary((a, b, type, call) => a << shiftBy(b, type, call)),
  bitShiftRight: binary((a, b, type, call) => a >> shiftBy(b, type, call)),
  bitRotateLeft: binary(rotateLeft),
  bitRotateRight: binary((a, b, type) => rotateLeft(a, -b, type)),
  bitNot: {
    arity: [1, 1],
    isDocumented: true,
    bind: (args, call) => {
      expectNumber(args, call);
      const from = asNumber(args[0]!.type);
      const type = from.kind === "float" ? INT64 : integer(from.isSigned, from.bits);
      return {
        type,
        apply: (value: Whole) =>
          wrap(exact(~BigInt(Math.trunc(Number(value)) === value ? value : Math.trunc(Number(value)))), type),
      };
    },
  },
  bitCount: {
    arity: [1, 1],
    isDocumented: true,
    bind: (args, call) => {
      expectNumber(args, call);
      const type = asNumber(args[0]!.type);
      return { type: UINT8, apply: (value: Whole) => ones(pattern(value, type)) };
    },
  },
  bitHammingDistance: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      wholeTypes(args, call);
      // Of negative numbers all 64 bits, whatever their types.
      return { type: UINT8, apply: (x: Whole, y: Whole) => ones(pattern(x, UINT64) ^ pattern(y, UINT64)) };
    },
  },
  bitTest: {
    arity: [2, 2],
    isDocumented: true,
    bind: (args, call) => {
      const [type] = wholeTypes(args, call) as [IntegerType];
      const apply = (value: Whole, index: Whole): Value =>
        Number((pattern(value, type) >> shiftBy(BigInt(index), type, call)) & 1n);
      return { type: UINT8, apply };
    },
  },
};
