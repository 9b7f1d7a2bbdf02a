/** Expressions as they are evaluated: each a function of the row of the chunk that is being read. */
import type { Call } from "./ast.ts";
import type { Type } from "./types.ts";
import type { Value } from "./values.ts";

export interface Bound {
  readonly type: Type;
  /** Of what is the same in all rows. */
  readonly constant?: { readonly value: Value };
  /** @throws {SqlError} such as for a division by zero */
  readonly at: (row: number) => Value;
}

export function constant(type: Type, value: Value): Bound {
  return { type, constant: { value }, at: () => value };
}

/** What queries know besides their data. */
export interface Environment {
  /** UNIX milliseconds, the same for a whole query. */
  readonly nowMs: number;
}

/** What a function makes of its arguments. */
export type Bind = (
  args: readonly Bound[],
  call: Call,
  environment: Environment,
) => {
  readonly type: Type;
  /** From the values of the arguments, never NULL unless `nulls` says so. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as many and of such types as `bind` has checked
  readonly apply?: (...values: any[]) => Value;
  /** In place of `apply`, for those that do not look at all arguments. */
  readonly at?: (row: number) => Value;
};

export interface ScalarFunction {
  /** How many arguments, least and most. */
  readonly arity: readonly [number, number];
  /** Whether Cloudflare's reference has it. */
  readonly isDocumented: boolean;
  /** `own`: sees NULL itself. Otherwise one NULL makes the result NULL. */
  readonly nulls?: "own";
  readonly bind: Bind;
}
export type Functions = Readonly<Record<string, ScalarFunction>>;
