/** Those that choose one of a group's values: min, max, argMin, argMax, the first and the last one. */
import { wrongType } from "../functions/check.ts";
import { type Value, compare } from "../values.ts";
import { type AggregateFunction, emptyValue } from "./accumulator.ts";

/** @param sign 1 for the greatest, -1 for the least. NaN is neither. */
export function extreme(sign: 1 | -1): AggregateFunction {
  return {
    arity: [1, 1],
    bind: ([arg], _, call) => {
      const { type, at } = arg!;
      if (type.kind === "array" || type.kind === "interval")
        throw wrongType(call, 0, type, "something that has an order");
      const best: Value[] = [];
      const accumulator = {
        add: (group: number, row: number) => {
          const value = at(row);
          const before = best[group];
          if (before === undefined || before !== before || sign * compare(value, before) > 0) best[group] = value;
        },
        result: (group: number) => best[group] ?? emptyValue(type),
      };
      return { type, accumulator };
    },
  };
}

/** Of several with the same value, the first. */
export function argExtreme(sign: 1 | -1): AggregateFunction {
  return {
    arity: [2, 2],
    bind: ([arg, by]) => {
      const { type, at } = arg!;
      const best: Value[] = [];
      const values: Value[] = [];
      const accumulator = {
        add: (group: number, row: number) => {
          const value = by!.at(row);
          const before = best[group];
          if (before !== undefined && before === before && sign * compare(value, before) <= 0) return;
          best[group] = value;
          values[group] = at(row);
        },
        result: (group: number) => values[group] ?? emptyValue(type),
      };
      return { type, accumulator };
    },
  };
}

export function oneOf(which: "first" | "last"): AggregateFunction {
  return {
    arity: [1, 1],
    bind: ([arg]) => {
      const { type, at } = arg!;
      const values: Value[] = [];
      const accumulator = {
        add: (group: number, row: number) => {
          if (which === "last" || values[group] === undefined) values[group] = at(row);
        },
        result: (group: number) => values[group] ?? emptyValue(type),
      };
      return { type, accumulator };
    },
  };
}
