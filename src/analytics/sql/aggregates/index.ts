/** All functions over groups. */
import type { Call } from "../ast.ts";
import type { Bound } from "../bound.ts";
import { SqlError } from "../error.ts";
import { expectCondition, isTrue } from "../functions/logic.ts";
import { notNull, nullable } from "../types.ts";
import type { Value } from "../values.ts";
import type { AggregateFunction, BoundAggregate } from "./accumulator.ts";
import { argExtreme, extreme, oneOf } from "./choices.ts";
import {
  distinctCount,
  onlyDistinct,
  quantileExactWeighted,
  quantileWeighted,
  topK,
  topKWeighted,
} from "./collections.ts";
import { type AggregateName, aggregateNames, documentedAggregates } from "./names.ts";
import { avg, count, sum } from "./sums.ts";

type Plain = Exclude<AggregateName, `${string}If`>;

const aggregates: Readonly<Record<Plain, AggregateFunction>> = {
  count,
  sum,
  avg,
  min: extreme(-1),
  max: extreme(1),
  argMin: argExtreme(-1),
  argMax: argExtreme(1),
  first_value: oneOf("first"),
  last_value: oneOf("last"),
  any: oneOf("first"),
  anyLast: oneOf("last"),
  quantileExactWeighted,
  quantileWeighted,
  topK,
  topKWeighted,
  uniq: distinctCount,
  uniqExact: distinctCount,
};

const known: ReadonlySet<string> = new Set(aggregateNames);
const documented: ReadonlySet<string> = new Set(documentedAggregates);

export function isAggregate(name: string): boolean {
  return known.has(name);
}

export function isDocumentedAggregate(name: string): boolean {
  return documented.has(name);
}

/**
 * @param args its arguments, bound to the rows
 * @throws {SqlError}
 */
export function bindAggregate(call: Call, args: readonly Bound[]): BoundAggregate {
  const isConditional = call.name.endsWith("If");
  const definition = call.isDistinct && call.name === "count" ? distinctCount : aggregates[plainName(call)];
  const condition = isConditional ? args.at(-1) : undefined;
  const values = isConditional ? args.slice(0, -1) : args;
  checkCounts(call, definition, args.length, isConditional ? 1 : 0);
  if (call.isDistinct && definition !== distinctCount && definition.takesDistinct === undefined) {
    throw new SqlError(`${call.name} takes no DISTINCT`, call.position, "count, sum and avg do");
  }
  if (condition !== undefined) expectCondition(condition, call, args.length - 1);
  const plain = values.map((arg) => ({ ...arg, type: notNull(arg.type) }));
  const nulls = values.filter(({ type }) => type.isNullable);
  if (!definition.neverNull && nulls.some(({ type }) => type.kind === "null")) {
    return { type: { kind: "null", isNullable: true }, accumulator: { add: () => {}, result: () => null } };
  }
  let bound = definition.bind(
    plain,
    call.parameters.map((parameter) => parameterValue(parameter)),
    call,
  );
  if (call.isDistinct && definition !== distinctCount) bound = onlyDistinct(bound, plain[0]!, call);
  if (nulls.length > 0) bound = withoutNulls(bound, nulls, definition);
  return condition === undefined ? bound : onlyWhere(bound, condition);
}

function plainName({ name }: Call): Plain {
  return name.replace(/If$/, "") as Plain;
}

function parameterValue(parameter: Call["parameters"][number]): Value {
  if (parameter.kind === "literal") return parameter.value;
  throw new SqlError("the first pair of parentheses holds numbers that are written out", parameter.position);
}

function checkCounts(
  call: Call,
  { arity, parameters = [0, 0] }: AggregateFunction,
  given: number,
  extra: number,
): void {
  const [least, most] = arity.map((count) => count + extra) as [number, number];
  if (given < least || given > most) {
    const wanted = least === most ? String(least) : most === Infinity ? `at least ${least}` : `${least} or ${most}`;
    const hint =
      parameters[1] > 0
        ? `such as ${call.name}(${parameters[0] === 1 ? "0.5" : "5"})(double1${arity[0] === 2 ? ", _sample_interval" : ""})`
        : undefined;
    throw new SqlError(
      `${call.name} takes ${wanted} argument${wanted === "1" ? "" : "s"}, not ${given}`,
      call.position,
      hint,
    );
  }
  const count = call.parameters.length;
  if (count >= parameters[0] && count <= parameters[1]) return;
  const hint = parameters[0] === 1 ? `such as ${call.name}(0.5)(double1, _sample_interval)` : undefined;
  const text =
    parameters[1] === 0
      ? `${call.name} has one pair of parentheses`
      : `${call.name} takes ${parameters[1]} value in its first pair of parentheses, not ${count}`;
  throw new SqlError(text, call.position, hint);
}

/** Rows with NULL do not count; a group of nothing else is NULL. */
function withoutNulls(inner: BoundAggregate, nulls: readonly Bound[], definition: AggregateFunction): BoundAggregate {
  const seen: boolean[] = [];
  const { accumulator } = inner;
  return {
    type: definition.neverNull ? inner.type : nullable(inner.type),
    accumulator: {
      add: (group, row) => {
        if (nulls.some(({ at }) => at(row) === null)) return;
        seen[group] = true;
        accumulator.add(group, row);
      },
      result: (group) =>
        seen[group] || definition.neverNull || inner.type.kind === "array" ? accumulator.result(group) : null,
    },
  };
}

function onlyWhere({ type, accumulator }: BoundAggregate, condition: Bound): BoundAggregate {
  return {
    type,
    accumulator: {
      add: (group, row) => {
        if (isTrue(condition.at(row))) accumulator.add(group, row);
      },
      result: (group) => accumulator.result(group),
    },
  };
}
