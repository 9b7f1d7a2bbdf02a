/** Where names are looked up: among the columns of rows, or among what was computed for groups. */
import { type Call, type Expression, nameOf } from "./ast.ts";
import type { Scope } from "./bind.ts";
import type { Bound, Environment } from "./bound.ts";
import { SqlError } from "./error.ts";
import type { Cursor, Relation } from "./relation.ts";

abstract class BaseScope implements Scope {
  readonly environment: Environment;
  readonly remarks: Set<string>;
  readonly known = new Map<Expression, Bound>();

  constructor(environment: Environment, remarks: Set<string>) {
    this.environment = environment;
    this.remarks = remarks;
  }

  abstract lookup(expression: Expression): Bound | undefined;
  abstract noColumn(name: string, position: number): SqlError;
  abstract noAggregate(call: Call): SqlError;
}

export class RowScope extends BaseScope {
  readonly #relation: Relation;
  readonly #cursor: Cursor;
  readonly #isAlias: (name: string) => boolean;

  constructor(
    relation: Relation,
    cursor: Cursor,
    isAlias: (name: string) => boolean,
    environment: Environment,
    remarks: Set<string>,
  ) {
    super(environment, remarks);
    this.#relation = relation;
    this.#cursor = cursor;
    this.#isAlias = isAlias;
  }

  lookup(expression: Expression): Bound | undefined {
    if (expression.kind !== "column") return undefined;
    const index = this.#relation.columns.findIndex(({ name }) => name === expression.name);
    return index === -1 ? undefined : this.#cursor.column(index);
  }

  noColumn(name: string, position: number): SqlError {
    const { columns } = this.#relation;
    if (columns.length === 0) {
      return new SqlError(`no column ${name}: the query reads no dataset`, position, "add FROM; strings stand in '…'");
    }
    const alike = columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
    const shown = columns.filter(({ isHidden }) => !isHidden).map((column) => column.name);
    const some =
      shown.length > 24 ? "dataset, timestamp, _sample_interval, index1, blob1 to 20, double1 to 20" : shown.join(", ");
    const hint = alike === undefined ? `there are ${some}; strings stand in single quotes` : `is it ${alike.name}?`;
    return new SqlError(`no column ${name}`, position, hint);
  }

  noAggregate({ name, position }: Call): SqlError {
    const hint =
      "aggregate functions stand in SELECT, HAVING and ORDER BY, and not in each other; for more, use a subquery";
    const text = this.#isAlias(name) ? `${name} is an alias` : `the aggregate function ${name} has no place here`;
    return new SqlError(text, position, hint);
  }
}

export class GroupScope extends BaseScope {
  /** Names of keys and aggregates → their values by group. */
  readonly #columns: ReadonlyMap<string, Bound>;

  constructor(columns: ReadonlyMap<string, Bound>, environment: Environment, remarks: Set<string>) {
    super(environment, remarks);
    this.#columns = columns;
  }

  lookup(expression: Expression): Bound | undefined {
    return expression.kind === "literal" ? undefined : this.#columns.get(nameOf(expression));
  }

  noColumn(name: string, position: number): SqlError {
    const hint = `add it to GROUP BY, or say which of a group's values you mean: max(${name}), sum(${name}) …`;
    return new SqlError(`${name} stands neither in GROUP BY nor in an aggregate function`, position, hint);
  }

  noAggregate({ name, position }: Call): SqlError {
    return new SqlError(`the aggregate function ${name} has no place here`, position);
  }
}
