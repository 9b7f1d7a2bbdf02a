/** Those that keep a group's values until its end: quantiles, the most frequent values, how many there are. */
import type { Call } from "../ast.ts";
import type { Bound } from "../bound.ts";
import { SqlError } from "../error.ts";
import { expectNumber, wrongType } from "../functions/check.ts";
import { UINT64, asNumber, isNumeric, isTime } from "../types.ts";
import { type Value, compare } from "../values.ts";
import { type AggregateFunction, type BoundAggregate, emptyValue } from "./accumulator.ts";

/** topK gives so many where it is not told; ClickHouse's limit for what it may be told. */
const TOP_DEFAULT = 10;
const TOP_MAX = 65_536;

function weightOf(weight: Bound, call: Call, index: number): (row: number) => number {
  const number = isNumeric(weight.type) ? asNumber(weight.type) : undefined;
  if (number?.kind !== "integer")
    throw wrongType(call, index, weight.type, "a whole number as weight", "such as _sample_interval");
  return (row) => Number(weight.at(row));
}

/**
 * The least value at which the weights of it and all smaller ones reach the level's part of the whole.
 * @param level from 0 to 1
 */
function weightedQuantile(level: number, args: readonly Bound[], call: Call): BoundAggregate {
  const [arg, weight] = args as [Bound, Bound];
  const { type, at } = arg;
  if (!isNumeric(type) && !isTime(type)) throw wrongType(call, 0, type, "a number or a DateTime");
  const weigh = weightOf(weight, call, call.args.length - 1);
  const groups: Map<Value, number>[] = [];
  const accumulator = {
    add: (group: number, row: number) => {
      const value = at(row);
      if (value !== value) return;
      const weights = (groups[group] ??= new Map());
      weights.set(value, (weights.get(value) ?? 0) + weigh(row));
    },
    result: (group: number): Value => {
      const weights = groups[group];
      if (weights === undefined) return type.kind === "float" ? NaN : emptyValue(type);
      const sorted = [...weights].toSorted(([a], [b]) => compare(a, b));
      const whole = sorted.reduce((sum, [, each]) => sum + each, 0);
      const threshold = Math.ceil(whole * level);
      let reached = 0;
      for (const [value, each] of sorted) {
        reached += each;
        if (reached >= threshold) return value;
      }
      return sorted.at(-1)![0];
    },
  };
  return { type, accumulator };
}

function levelOf(value: Value, call: Call): number {
  const level = Number(value);
  if (!(level >= 0 && level <= 1)) throw new SqlError("the level of a quantile is from 0 to 1", call.position);
  return level;
}

export const quantileExactWeighted: AggregateFunction = {
  arity: [2, 2],
  parameters: [1, 1],
  bind: (args, [level], call) => weightedQuantile(levelOf(level!, call), args, call),
};

/** Cloudflare's older way to write it: quantileWeighted(q, x, weight) */
export const quantileWeighted: AggregateFunction = {
  arity: [3, 3],
  bind: ([level, ...args], _, call) => {
    if (level!.constant === undefined) throw wrongType(call, 0, level!.type, "a number that is written out");
    return weightedQuantile(levelOf(level!.constant.value, call), args, call);
  },
};

/** Exact, unlike ClickHouse's: the order of equally frequent ones is that in which they came. */
function top(count: Value | undefined, arg: Bound, weigh: (row: number) => number, call: Call): BoundAggregate {
  const limit = count === undefined ? TOP_DEFAULT : Number(count);
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= TOP_MAX)) {
    throw new SqlError(`${call.name} gives from 1 to ${TOP_MAX} values`, call.position);
  }
  const groups: Map<Value, number>[] = [];
  const accumulator = {
    add: (group: number, row: number) => {
      const weights = (groups[group] ??= new Map());
      const value = arg.at(row);
      weights.set(value, (weights.get(value) ?? 0) + weigh(row));
    },
    result: (group: number): Value =>
      [...(groups[group] ?? [])]
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, limit)
        .map(([value]) => value),
  };
  return { type: { kind: "array", of: arg.type }, accumulator };
}

export const topK: AggregateFunction = {
  arity: [1, 1],
  parameters: [0, 1],
  bind: ([arg], [count], call) => top(count, arg!, () => 1, call),
};

export const topKWeighted: AggregateFunction = {
  arity: [2, 2],
  parameters: [0, 1],
  bind: ([arg, weight], [count], call) => top(count, arg!, weightOf(weight!, call, 1), call),
};

export const distinctCount: AggregateFunction = {
  arity: [1, Infinity],
  neverNull: true,
  bind: (args) => {
    const [first, ...rest] = args;
    const groups: Set<Value>[] = [];
    const keyAt =
      rest.length === 0
        ? first!.at
        : (row: number): Value =>
            args
              .map(({ at }) => String(at(row)))
              .map((text) => `${text.length}:${text}`)
              .join("");
    const accumulator = {
      add: (group: number, row: number) => void (groups[group] ??= new Set()).add(keyAt(row)),
      result: (group: number) => groups[group]?.size ?? 0,
    };
    return { type: UINT64, accumulator };
  },
};

/** DISTINCT: lets each value through once in a group. */
export function onlyDistinct(inner: BoundAggregate, arg: Bound, call: Call): BoundAggregate {
  expectNumber([arg], call);
  const groups: Set<Value>[] = [];
  const accumulator = {
    add: (group: number, row: number) => {
      const seen = (groups[group] ??= new Set());
      const value = arg.at(row);
      if (seen.has(value)) return;
      seen.add(value);
      inner.accumulator.add(group, row);
    },
    result: (group: number) => inner.accumulator.result(group),
  };
  return { type: inner.type, accumulator };
}
