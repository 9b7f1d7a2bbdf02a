/** AND, OR, NOT, if and its like. What decides is looked at first, and the rest only where it matters. */
import type { Call } from "../ast.ts";
import type { Bound, Functions } from "../bound.ts";
import { SqlError } from "../error.ts";
import { type Type, UINT8, commonType, isNumeric, notNull, nullable, typeName } from "../types.ts";
import type { Value } from "../values.ts";
import { wrongType } from "./check.ts";

/** Whether a value counts as true; NULL does not. */
export function isTrue(value: Value): boolean {
  return value !== null && value !== 0 && value === value;
}

/** @throws {SqlError} unless it is a whole number or Bool, as ClickHouse wants conditions */
export function expectCondition({ type }: Bound, call: Call, index: number): void {
  if (type.kind !== "null" && (!isNumeric(type) || type.kind === "float")) {
    throw wrongType(call, index, type, "a condition", "compare it with something: x > 0, x = 'a'");
  }
}

/** @param decisive the value of an argument that settles it: 0 for AND, 1 for OR */
function junction(decisive: 0 | 1): Functions[string] {
  return {
    arity: [2, Infinity],
    isDocumented: true,
    nulls: "own",
    bind: (args, call) => {
      for (const [index, arg] of args.entries()) expectCondition(arg, call, index);
      const type = args.some((arg) => arg.type.isNullable) ? nullable(UINT8) : UINT8;
      const evaluators = args.map(({ at }) => at);
      const at = (row: number): Value => {
        let sawNull = false;
        for (const evaluate of evaluators) {
          const value = evaluate(row);
          if (value === null) sawNull = true;
          else if (isTrue(value) === (decisive === 1)) return decisive;
        }
        return sawNull ? null : 1 - decisive;
      };
      return { type, at };
    },
  };
}

/** The type of one of several results. */
function typeOfResults(results: readonly Bound[], call: Call): Type {
  return results
    .map(({ type }) => type)
    .reduce((left, right) => {
      const common = commonType(left, right);
      if (common !== undefined) return common;
      const text = `${call.name} has results of different types: ${typeName(left)} and ${typeName(right)}`;
      throw new SqlError(text, call.position, "make them alike, with toFloat64(…) for instance");
    });
}

/** Whole numbers and broken ones are numbers, but beyond 53 bits they differ in JavaScript. */
function converted({ at, type: from }: Bound, to: Type): (row: number) => Value {
  if (to.kind !== "float" || from.kind !== "integer" || from.bits !== 64) return at;
  return (row) => {
    const value = at(row);
    return typeof value === "bigint" ? Number(value) : value;
  };
}

/** multiIf(condition, result, …, otherwise) */
function choice(args: readonly Bound[], call: Call): { type: Type; at: (row: number) => Value } {
  if (args.length % 2 === 0) throw new SqlError(`${call.name} ends with what holds otherwise`, call.position);
  const conditions = args.slice(0, -1).filter((_, index) => index % 2 === 0);
  for (const [index, condition] of conditions.entries()) expectCondition(condition, call, 2 * index);
  const results = args.filter((_, index) => index % 2 === 1 || index === args.length - 1);
  const type = typeOfResults(results, call);
  const tests = conditions.map(({ at }) => at);
  const outcomes = results.map((result) => converted(result, type));
  const otherwise = outcomes.at(-1)!;
  const [test, outcome] = [tests[0]!, outcomes[0]!];
  if (tests.length === 1) return { type, at: (row) => (isTrue(test(row)) ? outcome(row) : otherwise(row)) };
  const at = (row: number): Value => {
    const index = tests.findIndex((each) => isTrue(each(row)));
    return (index === -1 ? otherwise : outcomes[index]!)(row);
  };
  return { type, at };
}

const isNothing = (value: Value) => value === null;

export const logic: Functions = {
  and: junction(0),
  or: junction(1),
  not: {
    arity: [1, 1],
    isDocumented: true,
    bind: (args, call) => {
      expectCondition(args[0]!, call, 0);
      return { type: UINT8, apply: (value: Value) => (isTrue(value) ? 0 : 1) };
    },
  },
  if: { arity: [3, 3], isDocumented: true, nulls: "own", bind: choice },
  multiIf: { arity: [3, Infinity], isDocumented: false, nulls: "own", bind: choice },
  isNull: {
    arity: [1, 1],
    isDocumented: false,
    nulls: "own",
    bind: () => ({ type: UINT8, apply: (value: Value) => (isNothing(value) ? 1 : 0) }),
  },
  isNotNull: {
    arity: [1, 1],
    isDocumented: false,
    nulls: "own",
    bind: () => ({ type: UINT8, apply: (value: Value) => (isNothing(value) ? 0 : 1) }),
  },
  coalesce: { arity: [1, Infinity], isDocumented: false, nulls: "own", bind: firstThatIs },
  ifNull: { arity: [2, 2], isDocumented: false, nulls: "own", bind: firstThatIs },
  nullIf: {
    arity: [2, 2],
    isDocumented: false,
    nulls: "own",
    bind: ([value, other], call) => {
      if (commonType(value!.type, other!.type) === undefined) throw wrongType(call, 1, other!.type, "the same type");
      const [a, b] = [value!.at, other!.at];
      return {
        type: nullable(value!.type),
        at: (row) => {
          const result = a(row);
          return result === b(row) ? null : result;
        },
      };
    },
  },
};

function firstThatIs(args: readonly Bound[], call: Call): { type: Type; at: (row: number) => Value } {
  const common = typeOfResults(args, call);
  const type = args.every((arg) => arg.type.isNullable) ? common : notNull(common);
  const evaluators = args.map((arg) => converted(arg, type));
  const at = (row: number): Value => {
    for (const evaluate of evaluators) {
      const value = evaluate(row);
      if (value !== null) return value;
    }
    return null;
  };
  return { type, at };
}
