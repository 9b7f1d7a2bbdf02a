/** What a query says, after operators have become calls of the functions that they stand for. */
import type { Type } from "./types.ts";
import type { Value } from "./values.ts";

interface Located {
  /** Offset in the query's text. */
  readonly position: number;
}

export interface Literal extends Located {
  readonly kind: "literal";
  readonly type: Type;
  readonly value: Value;
  /** As it stands in names of columns. */
  readonly text: string;
}

export interface ColumnReference extends Located {
  readonly kind: "column";
  readonly name: string;
}

export interface Call extends Located {
  readonly kind: "call";
  /** As ClickHouse writes it, whatever the query's letters; as in the query where nobody knows it. */
  readonly name: string;
  /** Of the first pair of parentheses where there are two: `topK(3)(blob1)`. */
  readonly parameters: readonly Expression[];
  readonly args: readonly Expression[];
  readonly isDistinct: boolean;
}

/** The right side of IN. */
export interface List extends Located {
  readonly kind: "list";
  readonly items: readonly Expression[];
}

export type Expression = Literal | ColumnReference | Call | List;

export interface SelectItem {
  /** undefined: all columns (`*`). */
  readonly expression: Expression | undefined;
  readonly alias: string | undefined;
  readonly position: number;
}

export interface OrderItem {
  readonly expression: Expression;
  readonly isDescending: boolean;
  /** Where NULL and NaN go. */
  readonly nullsFirst: boolean;
}

export interface Select extends Located {
  readonly kind: "select";
  readonly isDistinct: boolean;
  readonly items: readonly SelectItem[];
  readonly from: Table | Select | undefined;
  readonly where: Expression | undefined;
  readonly groupBy: readonly Expression[];
  readonly having: Expression | undefined;
  readonly orderBy: readonly OrderItem[];
  /** Infinity: all. */
  readonly limit: number;
  readonly offset: number;
}

export interface Table extends Located {
  readonly kind: "table";
  readonly name: string;
}

export interface Show extends Located {
  readonly kind: "show";
  readonly what: "tables" | "timezones" | "timezone";
}

export const formats = ["JSON", "JSONEachRow", "TabSeparated"] as const;
export type Format = (typeof formats)[number];

export interface Statement {
  readonly body: Select | Show;
  readonly format: Format;
  /** What of it Cloudflare's documentation does not know, a text each. */
  readonly remarks: readonly string[];
}

const names = new WeakMap<Expression, string>();

/** How ClickHouse names the column of an expression without an alias: `divide(sum(double1), 2)`. */
export function nameOf(expression: Expression): string {
  let name = names.get(expression);
  if (name === undefined) {
    name = makeName(expression);
    names.set(expression, name);
  }
  return name;
}

function makeName(expression: Expression): string {
  switch (expression.kind) {
    case "literal":
      return expression.text;
    case "column":
      return expression.name;
    case "list":
      return expression.items.length === 1
        ? nameOf(expression.items[0]!)
        : `(${expression.items.map(nameOf).join(", ")})`;
    case "call": {
      const { name, parameters, args, isDistinct } = expression;
      const head = parameters.length === 0 ? "" : `(${parameters.map(nameOf).join(", ")})`;
      return `${name}${isDistinct ? "Distinct" : ""}${head}(${args.map(nameOf).join(", ")})`;
    }
  }
}
