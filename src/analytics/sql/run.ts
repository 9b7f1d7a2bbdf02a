/**
 * Answers statements. A generator, which stops after each chunk of rows: whoever runs it may let others have the processor
 * meanwhile.
 */
import { bindAggregate, isAggregate, isDocumentedAggregate } from "./aggregates/index.ts";
import type { Accumulator } from "./aggregates/accumulator.ts";
import { Aliases, someExpression } from "./aliases.ts";
import { type Call, type Expression, type Select, type Show, type Statement, nameOf } from "./ast.ts";
import { bind } from "./bind.ts";
import type { Bound, Environment } from "./bound.ts";
import { Collector, type OrderKey, compareRows } from "./collector.ts";
import { SqlError } from "./error.ts";
import { expectCondition, isTrue } from "./functions/logic.ts";
import { zoneNames } from "./functions/zones.ts";
import { Groups } from "./groups.ts";
import { type Chunk, Cursor, type Relation, type RelationColumn, nothing, relationOf } from "./relation.ts";
import { GroupScope, RowScope } from "./scopes.ts";
import { STRING } from "./types.ts";
import type { Value } from "./values.ts";

/** Where datasets are found. */
export interface Source {
  /** @returns undefined where there is none of that name */
  table(name: string): Relation | undefined;
  tableNames(): readonly string[];
}

export interface Answer {
  readonly columns: readonly RelationColumn[];
  readonly rows: readonly (readonly Value[])[];
  /** How many there were before LIMIT and OFFSET, or at least so many. */
  readonly rowsBeforeLimit: number;
}

interface Context {
  readonly source: Source;
  readonly environment: Environment;
  readonly remarks: Set<string>;
}

export type Running<Result> = Generator<undefined, Result, undefined>;

/** @throws {SqlError} */
export function* run(
  { body, remarks }: Statement,
  source: Source,
  environment: Environment,
): Running<Answer & { readonly remarks: readonly string[] }> {
  const all = new Set(remarks);
  const answer =
    body.kind === "show" ? show(body, source) : yield* runSelect(body, { source, environment, remarks: all });
  return { ...answer, remarks: [...all] };
}

function show({ what }: Show, source: Source): Answer {
  if (what === "tables") {
    const rows = source.tableNames().map((name) => [name, "Dataset"]);
    const columns = ["dataset", "type"].map((name) => ({ name, type: STRING }));
    return { columns, rows, rowsBeforeLimit: rows.length };
  }
  const rows = (what === "timezone" ? ["Etc/UTC"] : zoneNames()).map((name) => [name]);
  return { columns: [{ name: "timezone", type: STRING }], rows, rowsBeforeLimit: rows.length };
}

function* runSelect(select: Select, context: Context): Running<Answer> {
  const relation = yield* readFrom(select, context);
  return yield* new SelectRun(select, relation, context).run();
}

function* readFrom({ from }: Select, context: Context): Running<Relation> {
  if (from === undefined) return nothing;
  if (from.kind === "select") {
    const { columns, rows } = yield* runSelect(from, context);
    return relationOf(columns, rows);
  }
  const relation = context.source.table(from.name);
  if (relation !== undefined) return relation;
  const names = context.source.tableNames();
  const hint =
    names.length === 0
      ? "there is none yet: a dataset begins with the first point that a Worker writes"
      : `there are ${names.slice(0, 20).join(", ")}${names.length > 20 ? " …" : ""}`;
  throw new SqlError(`no dataset ${from.name}`, from.position, hint);
}

interface Output {
  readonly name: string;
  readonly expression: Expression;
}

class SelectRun {
  readonly #select: Select;
  readonly #relation: Relation;
  readonly #context: Context;
  readonly #cursor: Cursor;
  readonly #aliases: Aliases;
  readonly #rowScope: RowScope;
  readonly #outputs: readonly Output[];
  readonly #orderBy: readonly Expression[];
  readonly #having: Expression | undefined;

  constructor(select: Select, relation: Relation, context: Context) {
    this.#select = select;
    this.#relation = relation;
    this.#context = context;
    this.#cursor = new Cursor(relation);
    this.#aliases = new Aliases(select.items);
    const isAlias = (name: string) => this.#aliases.has(name);
    this.#rowScope = new RowScope(relation, this.#cursor, isAlias, context.environment, context.remarks);
    this.#outputs = this.#expandItems();
    this.#orderBy = select.orderBy.map(({ expression }) => this.#expandPositional(expression, "ORDER BY"));
    this.#having = select.having && this.#aliases.expand(select.having);
  }

  *run(): Running<Answer> {
    const { groupBy } = this.#select;
    const calls = this.#aggregateCalls();
    const isGrouped = groupBy.length > 0 || calls.length > 0 || this.#having !== undefined;
    return yield* isGrouped ? this.#runGroups(calls) : this.#runRows();
  }

  #expandItems(): Output[] {
    return this.#select.items.flatMap(({ expression, alias, position }): Output[] => {
      if (expression !== undefined) {
        const expanded = this.#aliases.expand(expression, alias);
        const usesAlias = someExpression(
          expression,
          (part) => part.kind === "column" && part.name !== alias && this.#aliases.has(part.name),
        );
        if (usesAlias) this.#context.remarks.add("an alias in another expression of SELECT");
        return [{ name: alias ?? nameOf(expression), expression: expanded }];
      }
      const columns = this.#relation.columns.filter(({ isHidden }) => !isHidden);
      if (columns.length === 0) throw new SqlError("* stands for no columns: the query reads no dataset", position);
      return columns.map(({ name }) => ({ name, expression: { kind: "column", name, position } }));
    });
  }

  /** A number stands for an entry of SELECT, counted from 1. */
  #expandPositional(expression: Expression, clause: string): Expression {
    if (expression.kind !== "literal" || expression.type.kind !== "integer") return this.#aliases.expand(expression);
    const output = this.#outputs[Number(expression.value) - 1];
    if (output !== undefined) return output.expression;
    const text = `${clause} ${expression.text}: SELECT has ${this.#outputs.length} columns`;
    throw new SqlError(text, expression.position);
  }

  /** Each once. */
  #aggregateCalls(): Call[] {
    const calls = new Map<string, Call>();
    const all = [...this.#outputs.map(({ expression }) => expression), ...this.#orderBy];
    if (this.#having !== undefined) all.push(this.#having);
    for (const expression of all) {
      someExpression(expression, (part) => {
        if (part.kind === "call" && isAggregate(part.name)) calls.set(nameOf(part), part);
        return false;
      });
    }
    // Those inside of others are found out when their arguments are bound.
    return [...calls.values()];
  }

  #bindWhere(): ((row: number) => Value) | undefined {
    const { where } = this.#select;
    return where && this.#bindCondition(this.#aliases.expand(where), this.#rowScope, "WHERE");
  }

  #bindCondition(expression: Expression, scope: RowScope | GroupScope, name: string): (row: number) => Value {
    const bound = bind(expression, scope);
    const call: Call = {
      kind: "call",
      name,
      parameters: [],
      args: [expression],
      isDistinct: false,
      position: expression.position,
    };
    expectCondition(bound, call, 0);
    return bound.at;
  }

  #orderKeys(scope: RowScope | GroupScope): OrderKey[] {
    return this.#orderBy.map((expression, index) => {
      const { isDescending, nullsFirst } = this.#select.orderBy[index]!;
      return { bound: bind(expression, scope), isDescending, nullsFirst };
    });
  }

  #collector(outputs: readonly Bound[], order: readonly OrderKey[]): Collector {
    const { isDistinct, limit, offset, position } = this.#select;
    const seek = (chunk: Chunk | undefined) => chunk && this.#cursor.seek(chunk);
    return new Collector({ outputs, order, isDistinct, limit, offset, seek, position });
  }

  #answer(outputs: readonly Bound[], collector: Collector): Answer {
    const columns = this.#outputs.map(({ name }, index) => ({ name, type: outputs[index]!.type }));
    return { columns, rows: collector.rows(), rowsBeforeLimit: collector.offered };
  }

  *#runRows(): Running<Answer> {
    const where = this.#bindWhere();
    const outputs = this.#outputs.map(({ expression }) => bind(expression, this.#rowScope));
    const collector = this.#collector(outputs, this.#orderKeys(this.#rowScope));
    for (const chunk of this.#relation.chunks) {
      this.#cursor.seek(chunk);
      for (let row = 0; row < chunk.rows && !collector.isFull; row++) {
        if (where === undefined || isTrue(where(row))) collector.offer(row, chunk);
      }
      yield undefined;
    }
    return this.#answer(outputs, collector);
  }

  *#runGroups(calls: readonly Call[]): Running<Answer> {
    const where = this.#bindWhere();
    const keys = this.#select.groupBy.map((expression) => {
      const expanded = this.#expandPositional(expression, "GROUP BY");
      const bound = bind(expanded, this.#rowScope);
      if (bound.type.kind === "array") throw new SqlError("GROUP BY takes no arrays", expression.position);
      return { name: nameOf(expanded), bound };
    });
    const aggregates = calls.map((call) => {
      if (!isDocumentedAggregate(call.name)) this.#context.remarks.add(`${call.name}()`);
      const args = call.args.map((arg) => bind(arg, this.#rowScope));
      return { name: nameOf(call), ...bindAggregate(call, args) };
    });
    const groups = new Groups(
      keys.map(({ bound }) => bound),
      this.#cursor,
    );
    const columns = new Map<string, Bound>();
    for (const [index, { name, bound }] of keys.entries()) {
      // A constant key stays one, for functions that take nothing else.
      columns.set(name, bound.constant ? bound : { type: bound.type, at: (group) => groups.valueOf(group, index) });
    }
    for (const { name, type, accumulator } of aggregates) {
      columns.set(name, { type, at: (group) => accumulator.result(group) });
    }
    const scope = new GroupScope(columns, this.#context.environment, this.#context.remarks);
    const outputs = this.#outputs.map(({ expression }) => bind(expression, scope));
    const having = this.#having && this.#bindCondition(this.#having, scope, "HAVING");
    const { order, inputOrder } = this.#groupOrder(scope, keys.length > 0);
    const accumulators = aggregates.map(({ accumulator }) => accumulator);
    const collector = this.#collector(outputs, order);
    if (inputOrder === undefined) yield* this.#accumulate(where, keys.length > 0 ? groups : undefined, accumulators);
    else yield* this.#accumulateSorted(where, inputOrder, accumulators);
    const count = keys.length === 0 ? 1 : groups.count;
    for (let group = 0; group < count && !collector.isFull; group++) {
      if (having === undefined || isTrue(having(group))) collector.offer(group);
    }
    return this.#answer(outputs, collector);
  }

  /**
   * Without GROUP BY, an order by columns is that of the rows, for `first_value` and `last_value`: so the documentation
   * has it, other than ClickHouse.
   */
  #groupOrder(scope: GroupScope, hasKeys: boolean): { order: OrderKey[]; inputOrder?: OrderKey[] } {
    try {
      return { order: this.#orderKeys(scope) };
    } catch (error) {
      if (hasKeys || !(error instanceof SqlError)) throw error;
      return { order: [], inputOrder: this.#orderKeys(this.#rowScope) };
    }
  }

  *#accumulate(
    where: ((row: number) => Value) | undefined,
    groups: Groups | undefined,
    accumulators: readonly Accumulator[],
  ): Running<void> {
    for (const chunk of this.#relation.chunks) {
      this.#cursor.seek(chunk);
      groups?.startChunk(chunk);
      for (let row = 0; row < chunk.rows; row++) {
        if (where !== undefined && !isTrue(where(row))) continue;
        const group = groups === undefined ? 0 : groups.groupOf(row);
        for (const accumulator of accumulators) accumulator.add(group, row);
      }
      yield undefined;
    }
  }

  *#accumulateSorted(
    where: ((row: number) => Value) | undefined,
    order: readonly OrderKey[],
    accumulators: readonly Accumulator[],
  ): Running<void> {
    const rows: { chunk: Chunk; row: number; keys: Value[] }[] = [];
    for (const chunk of this.#relation.chunks) {
      this.#cursor.seek(chunk);
      for (let row = 0; row < chunk.rows; row++) {
        if (where !== undefined && !isTrue(where(row))) continue;
        rows.push({ chunk, row, keys: order.map(({ bound }) => bound.at(row)) });
      }
      yield undefined;
    }
    rows.sort((a, b) => compareRows(a.keys, b.keys, order));
    for (const { chunk, row } of rows) {
      this.#cursor.seek(chunk);
      for (const accumulator of accumulators) accumulator.add(0, row);
    }
  }
}
