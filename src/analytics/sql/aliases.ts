/** Replaces aliases by what they stand for. As in ClickHouse they hold in the whole query, and hide columns. */
import type { Expression, SelectItem } from "./ast.ts";
import { SqlError } from "./error.ts";
import { EXPRESSION_PARTS_MAX } from "./limits.ts";

export class Aliases {
  readonly #expressions = new Map<string, Expression>();
  /** Alias → what it stands for, without aliases. */
  readonly #expanded = new Map<string, Expression>();
  /** Aliases that are being expanded: in its own expression, a name is the column's. */
  readonly #open = new Set<string>();
  readonly #sizes = new WeakMap<Expression, number>();

  constructor(items: readonly SelectItem[]) {
    for (const { alias, expression } of items) {
      if (alias !== undefined && expression !== undefined && !this.#expressions.has(alias)) {
        this.#expressions.set(alias, expression);
      }
    }
  }

  has(name: string): boolean {
    return this.#expressions.has(name);
  }

  /** @param own the alias of the expression itself. @throws {SqlError} where too much would come of it */
  expand(expression: Expression, own?: string): Expression {
    if (own === undefined) return this.#expand(expression);
    this.#open.add(own);
    try {
      return this.#expand(expression);
    } finally {
      this.#open.delete(own);
    }
  }

  #expand(expression: Expression): Expression {
    switch (expression.kind) {
      case "literal":
        return expression;
      case "column":
        return this.#expandName(expression, expression.name);
      case "list":
        return this.#sized({ ...expression, items: this.#expandAll(expression.items) }, expression.items);
      case "call": {
        const args = this.#expandAll(expression.args);
        const isSame = args.every((arg, index) => arg === expression.args[index]);
        return this.#sized(isSame ? expression : { ...expression, args }, args);
      }
    }
  }

  #expandAll(expressions: readonly Expression[]): Expression[] {
    return expressions.map((expression) => this.#expand(expression));
  }

  #expandName(column: Expression, name: string): Expression {
    const target = this.#expressions.get(name);
    if (target === undefined || this.#open.has(name)) return column;
    // What it stands for depends on where it is only inside of another alias.
    const known = this.#open.size === 0 ? this.#expanded.get(name) : undefined;
    if (known !== undefined) return known;
    const expanded = this.expand(target, name);
    if (this.#open.size === 0) this.#expanded.set(name, expanded);
    return expanded;
  }

  #sized(expression: Expression, parts: readonly Expression[]): Expression {
    const size = parts.reduce((sum, part) => sum + (this.#sizes.get(part) ?? 1), 1);
    if (size > EXPRESSION_PARTS_MAX) {
      throw new SqlError("the query is too large once its aliases are written out", expression.position);
    }
    this.#sizes.set(expression, size);
    return expression;
  }
}

/** Calls `visit` for an expression and all its parts, until it says true. */
export function someExpression(expression: Expression, visit: (part: Expression) => boolean): boolean {
  if (visit(expression)) return true;
  const parts = expression.kind === "call" ? expression.args : expression.kind === "list" ? expression.items : [];
  return parts.some((part) => someExpression(part, visit));
}
