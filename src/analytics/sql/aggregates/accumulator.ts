/** What an aggregate function keeps for each group. Groups are numbered from 0 without gaps. */
import type { Call } from "../ast.ts";
import type { Bound } from "../bound.ts";
import type { Type } from "../types.ts";
import type { Value } from "../values.ts";

export interface Accumulator {
  /** @param row of the chunk that is being read */
  add(group: number, row: number): void;
  /** Also of a group without rows: without GROUP BY there is one group in any case. */
  result(group: number): Value;
}

export interface BoundAggregate {
  readonly type: Type;
  readonly accumulator: Accumulator;
}

export interface AggregateFunction {
  /** Arguments, least and most. */
  readonly arity: readonly [number, number];
  /** Values of a first pair of parentheses, least and most. */
  readonly parameters?: readonly [number, number];
  /** Whether DISTINCT may stand before its argument. */
  readonly takesDistinct?: true;
  /** Whether it gives a number, never NULL, whatever its arguments. */
  readonly neverNull?: true;
  readonly bind: (args: readonly Bound[], parameters: readonly Value[], call: Call) => BoundAggregate;
}

/** The value of a type where there is none: 0, an empty string, 1970. */
export function emptyValue(type: Type): Value {
  if (type.isNullable) return null;
  return type.kind === "string" ? "" : type.kind === "array" ? [] : 0;
}
