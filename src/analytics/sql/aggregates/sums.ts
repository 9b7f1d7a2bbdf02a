/** count, sum and avg. */
import { expectNumber } from "../functions/check.ts";
import { FLOAT64, UINT64, asNumber, integer } from "../types.ts";
import { type Whole, add } from "../values.ts";
import type { AggregateFunction } from "./accumulator.ts";

export const count: AggregateFunction = {
  arity: [0, 1],
  neverNull: true,
  bind: () => {
    const counts: number[] = [];
    const accumulator = {
      add: (group: number) => void (counts[group] = (counts[group] ?? 0) + 1),
      result: (group: number) => counts[group] ?? 0,
    };
    return { type: UINT64, accumulator };
  },
};

export const sum: AggregateFunction = {
  arity: [1, 1],
  takesDistinct: true,
  bind: ([arg], _, call) => {
    expectNumber([arg!], call);
    const number = asNumber(arg!.type);
    const { at } = arg!;
    if (number.kind === "float") {
      const sums: number[] = [];
      const accumulator = {
        add: (group: number, row: number) => void (sums[group] = (sums[group] ?? 0) + (at(row) as number)),
        result: (group: number) => sums[group] ?? 0,
      };
      return { type: FLOAT64, accumulator };
    }
    const type = integer(number.isSigned, 64);
    const sums: Whole[] = [];
    const accumulator = {
      add: (group: number, row: number) => void (sums[group] = add(sums[group] ?? 0, at(row) as Whole, type)),
      result: (group: number) => sums[group] ?? 0,
    };
    return { type, accumulator };
  },
};

export const avg: AggregateFunction = {
  arity: [1, 1],
  takesDistinct: true,
  bind: ([arg], _, call) => {
    // Whole numbers are added up in 64 bits, which wrap.
    const { accumulator: sums } = sum.bind([arg!], [], call);
    const counts: number[] = [];
    const accumulator = {
      add: (group: number, row: number) => {
        sums.add(group, row);
        counts[group] = (counts[group] ?? 0) + 1;
      },
      result: (group: number) => Number(sums.result(group)) / (counts[group] ?? 0),
    };
    return { type: FLOAT64, accumulator };
  },
};
