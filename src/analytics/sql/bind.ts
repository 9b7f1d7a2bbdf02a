/** From syntax to what can be evaluated: finds columns and functions, and checks types. */
import type { Call, Expression } from "./ast.ts";
import type { Bound, Environment } from "./bound.ts";
import { constant } from "./bound.ts";
import { isAggregate } from "./aggregates/index.ts";
import { SqlError } from "./error.ts";
import { functionNamed, similarFunction } from "./functions/index.ts";
import { notNull, nullable } from "./types.ts";
import type { Value } from "./values.ts";

export interface Scope {
  /** What an expression is as a whole, before anybody looks into it: a column, or what was computed for groups. */
  lookup(expression: Expression): Bound | undefined;
  /** Why there is no such column here. */
  noColumn(name: string, position: number): SqlError;
  /** Why an aggregate function has no place here. */
  noAggregate(call: Call): SqlError;
  readonly environment: Environment;
  /** See `Statement.remarks`. */
  readonly remarks: Set<string>;
  /** What was bound before: aliases stand in several places. */
  readonly known: Map<Expression, Bound>;
}

/** @throws {SqlError} */
export function bind(expression: Expression, scope: Scope): Bound {
  let bound = scope.known.get(expression);
  if (bound === undefined) {
    bound = scope.lookup(expression) ?? bindNew(expression, scope);
    scope.known.set(expression, bound);
  }
  return bound;
}

function bindNew(expression: Expression, scope: Scope): Bound {
  switch (expression.kind) {
    case "literal":
      return constant(expression.type, expression.value);
    case "column":
      throw scope.noColumn(expression.name, expression.position);
    case "list":
      throw new SqlError("a list stands behind IN only", expression.position);
    case "call":
      return bindCall(expression, scope);
  }
}

/** Functions that operators become, of which the parser has said the same. */
const OPERATORS: Readonly<Record<string, string>> = {
  multiIf: "CASE",
  concat: "||",
  ...{ isNull: "IS NULL", isNotNull: "IS NULL" },
};

function bindCall(call: Call, scope: Scope): Bound {
  const { name, position, parameters, isDistinct } = call;
  if (isAggregate(name)) throw scope.noAggregate(call);
  const definition = functionNamed(name);
  if (definition === undefined) {
    const similar = similarFunction(name);
    throw new SqlError(`no function ${name}`, position, similar && `is it ${similar}?`);
  }
  const operator = OPERATORS[name];
  if (!definition.isDocumented && !(operator !== undefined && scope.remarks.has(operator)))
    scope.remarks.add(`${name}()`);
  if (isDistinct) throw new SqlError(`DISTINCT is for aggregate functions, which ${name} is not`, position);
  if (parameters.length > 0) {
    throw new SqlError(`${name} has one pair of parentheses`, position, "two are for aggregate functions like topK");
  }
  const args = call.args.flatMap((arg) => (arg.kind === "list" ? arg.items : [arg])).map((arg) => bind(arg, scope));
  const [least, most] = definition.arity;
  if (args.length < least || args.length > most) {
    const count = least === most ? String(least) : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
    throw new SqlError(`${name} takes ${count} argument${count === "1" ? "" : "s"}, not ${args.length}`, position);
  }
  const ownNulls = definition.nulls === "own";
  const hasNulls = !ownNulls && args.some(({ type }) => type.isNullable);
  const plain = hasNulls ? args.map((arg) => ({ ...arg, type: notNull(arg.type) })) : args;
  if (hasNulls && args.some(({ type }) => type.kind === "null"))
    return constant({ kind: "null", isNullable: true }, null);
  const { type, apply, at } = definition.bind(plain, call, scope.environment);
  const evaluate = at ?? eager(apply!, args, hasNulls);
  const bound = { type: hasNulls ? nullable(type) : type, at: evaluate };
  // What is constant is computed once.
  return args.every((arg) => arg.constant !== undefined) ? constant(bound.type, evaluate(0)) : bound;
}

type Apply = (...values: Value[]) => Value;

/** One function for each number of arguments: they run once per row. */
function eager(apply: Apply, args: readonly Bound[], hasNulls: boolean): (row: number) => Value {
  const [first, second, third] = args.map(({ at }) => at);
  if (hasNulls || args.length > 3) {
    const evaluators = args.map(({ at }) => at);
    return (row) => {
      const values = evaluators.map((at) => at(row));
      return hasNulls && values.includes(null) ? null : apply(...values);
    };
  }
  switch (args.length) {
    case 0:
      return () => apply();
    case 1:
      return (row) => apply(first!(row));
    case 2: {
      const right = args[1]!.constant;
      if (right !== undefined) return (row) => apply(first!(row), right.value);
      return (row) => apply(first!(row), second!(row));
    }
    default:
      return (row) => apply(first!(row), second!(row), third!(row));
  }
}
