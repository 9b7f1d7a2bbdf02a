/** Checks of arguments' types. */
import type { Call } from "../ast.ts";
import type { Bound } from "../bound.ts";
import { SqlError } from "../error.ts";
import { type Type, isNumeric, isTime, typeName } from "../types.ts";

/** @throws {SqlError} */
export function wrongType(call: Call, index: number, type: Type, expected: string, hint?: string): SqlError {
  const position = argumentAt(call, index);
  const which = call.args.length === 1 ? "" : ` as argument ${index + 1}`;
  return new SqlError(`${call.name} takes ${expected}${which}, not ${typeName(type)}`, position, hint);
}

function argumentAt(call: Call, index: number): number {
  return (call.args[index] ?? call).position;
}

export function expectNumber(args: readonly Bound[], call: Call): void {
  for (const [index, { type }] of args.entries()) {
    if (!isNumeric(type)) throw wrongType(call, index, type, "a number");
  }
}

/** Numbers, and times as the numbers behind them. */
export function expectNumberOrTime(args: readonly Bound[], call: Call): void {
  for (const [index, { type }] of args.entries()) {
    if (!isNumeric(type) && !isTime(type)) throw wrongType(call, index, type, "a number");
  }
}

export function expectString(args: readonly Bound[], call: Call): void {
  for (const [index, { type }] of args.entries()) {
    if (type.kind !== "string") throw wrongType(call, index, type, "a string");
  }
}

export function expectTime({ type }: Bound, call: Call, index = 0): void {
  if (!isTime(type)) {
    throw wrongType(call, index, type, "a DateTime", "toDateTime(…) makes one of a string or a UNIX time");
  }
}

/** The value of an argument that has to be the same for all rows. */
export function constantString(arg: Bound | undefined, call: Call, index: number): string | undefined {
  if (arg === undefined) return undefined;
  if (typeof arg.constant?.value !== "string") throw wrongType(call, index, arg.type, "a string that is written out");
  return arg.constant.value;
}
