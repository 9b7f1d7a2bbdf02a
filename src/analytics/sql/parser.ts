/** From a query's text to its statement: clauses here, expressions in expressions.ts. */
import {
  type Expression,
  type Format,
  type OrderItem,
  type Select,
  type SelectItem,
  type Show,
  type Statement,
  type Table,
  formats,
} from "./ast.ts";
import { SqlError } from "./error.ts";
import { parseExpression } from "./expressions.ts";
import { TokenStream } from "./token-stream.ts";

const SUBQUERIES_MAX = 16;

const NO_OTHER_TABLES = "a query reads one dataset, or a subquery in parentheses";

/** Words that begin what Cloudflare's dialect does not have, in the place of a clause. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  JOIN: NO_OTHER_TABLES,
  ...{ INNER: NO_OTHER_TABLES, LEFT: NO_OTHER_TABLES, RIGHT: NO_OTHER_TABLES, FULL: NO_OTHER_TABLES },
  ...{ CROSS: NO_OTHER_TABLES, ARRAY: NO_OTHER_TABLES, UNION: "make two queries" },
  ...{ PREWHERE: "use WHERE", QUALIFY: "use a subquery", WINDOW: "there are no window functions" },
  ...{ FINAL: "leave it out", SAMPLE: "nothing is sampled here", SETTINGS: "leave them out", WITH: "use a subquery" },
};

/** @throws {SqlError} */
export function parse(query: string): Statement {
  const tokens = new TokenStream(query);
  const body = tokens.takeWord("SHOW") ? parseShow(tokens) : parseSelect(tokens, 0);
  const format = parseFormat(tokens);
  tokens.takeSign(";");
  if (tokens.current.kind !== "end") throw unexpectedClause(tokens);
  return { body, format, remarks: [...tokens.remarks] };
}

function parseShow(tokens: TokenStream): Show {
  const { position } = tokens.current;
  for (const what of ["tables", "timezones", "timezone"] as const) {
    if (tokens.takeWord(what)) return { kind: "show", what, position };
  }
  throw tokens.unexpected("TABLES, TIMEZONES or TIMEZONE");
}

function parseFormat(tokens: TokenStream): Format {
  if (!tokens.takeWord("FORMAT")) return "JSON";
  const { text, position } = tokens.current;
  const format = formats.find((each) => each.toLowerCase() === text.toLowerCase());
  if (format === undefined)
    throw new SqlError(`no format ${text || "is named"}`, position, `use ${formats.join(", ")}`);
  tokens.advance();
  return format;
}

function parseSelect(tokens: TokenStream, depth: number): Select {
  const { position } = tokens.current;
  if (depth > SUBQUERIES_MAX) {
    throw new SqlError(`more than ${SUBQUERIES_MAX} subqueries are in each other`, position);
  }
  const other = UNSUPPORTED[tokens.current.text.toUpperCase()];
  if (other !== undefined) throw unexpectedClause(tokens);
  tokens.expectWord("SELECT", "queries begin with SELECT or SHOW");
  const isDistinct = tokens.takeWord("DISTINCT");
  if (isDistinct) tokens.remark("SELECT DISTINCT");
  const items = parseItems(tokens);
  const from = tokens.takeWord("FROM") ? parseSource(tokens, depth) : undefined;
  const where = tokens.takeWord("WHERE") ? parseExpression(tokens) : undefined;
  const groupBy = tokens.takeWord("GROUP") ? parseGroupBy(tokens) : [];
  const having = tokens.takeWord("HAVING") ? parseExpression(tokens) : undefined;
  const orderBy = tokens.takeWord("ORDER") ? parseOrderBy(tokens) : [];
  const { limit, offset } = parseLimit(tokens);
  return { kind: "select", isDistinct, items, from, where, groupBy, having, orderBy, limit, offset, position };
}

function parseItems(tokens: TokenStream): SelectItem[] {
  const items: SelectItem[] = [];
  do {
    // The documentation of 2022 has a comma before FROM.
    if (items.length > 0 && tokens.isWord("FROM")) break;
    const { position } = tokens.current;
    if (tokens.takeSign("*")) {
      items.push({ expression: undefined, alias: undefined, position });
      continue;
    }
    const expression = parseExpression(tokens);
    items.push({ expression, alias: parseAlias(tokens), position });
  } while (tokens.takeSign(","));
  return items;
}

function parseAlias(tokens: TokenStream): string | undefined {
  if (tokens.takeWord("AS")) return tokens.takeName("a name behind AS");
  return undefined;
}

function parseSource(tokens: TokenStream, depth: number): Table | Select {
  const { position } = tokens.current;
  if (tokens.takeSign("(")) {
    const select = parseSelect(tokens, depth + 1);
    tokens.expectSign(")");
    return select;
  }
  const name = tokens.takeName("the name of a dataset, or a subquery in parentheses");
  if (tokens.isSign("-")) {
    const hint = `quote names that are more than letters, digits and _: FROM "${name}-…"`;
    throw new SqlError("unexpected -", tokens.current.position, hint);
  }
  if (tokens.isSign(",")) throw new SqlError("several datasets", tokens.current.position, NO_OTHER_TABLES);
  return { kind: "table", name, position };
}

function parseGroupBy(tokens: TokenStream): Expression[] {
  tokens.expectWord("BY");
  const groups: Expression[] = [];
  do groups.push(parseExpression(tokens));
  while (tokens.takeSign(","));
  return groups;
}

function parseOrderBy(tokens: TokenStream): OrderItem[] {
  tokens.expectWord("BY");
  const items: OrderItem[] = [];
  do {
    const expression = parseExpression(tokens);
    const isDescending = tokens.takeWord("DESC") || (tokens.takeWord("ASC"), false);
    let nullsFirst = false;
    if (tokens.takeWord("NULLS")) {
      tokens.remark("NULLS FIRST and NULLS LAST");
      nullsFirst = tokens.takeWord("FIRST");
      if (!nullsFirst) tokens.expectWord("LAST");
    }
    items.push({ expression, isDescending, nullsFirst });
  } while (tokens.takeSign(","));
  return items;
}

function parseLimit(tokens: TokenStream): { limit: number; offset: number } {
  let limit = Infinity;
  let offset = 0;
  if (tokens.takeWord("LIMIT")) {
    if (!tokens.takeWord("ALL")) limit = parseCount(tokens, "LIMIT");
    // LIMIT 5, 10
    if (tokens.takeSign(",")) {
      tokens.remark("LIMIT with two numbers");
      offset = limit;
      limit = parseCount(tokens, "LIMIT");
    }
  }
  if (tokens.takeWord("OFFSET")) offset = parseCount(tokens, "OFFSET");
  return { limit, offset };
}

function parseCount(tokens: TokenStream, clause: string): number {
  const { kind, text, position } = tokens.current;
  if (kind !== "number" || !/^\d+$/.test(text)) throw new SqlError(`${clause} takes a whole number`, position);
  tokens.advance();
  return Number(text);
}

function unexpectedClause(tokens: TokenStream): SqlError {
  const { text, position } = tokens.current;
  const hint = UNSUPPORTED[text.toUpperCase()];
  if (hint !== undefined) return new SqlError(`${text.toUpperCase()} is not supported`, position, hint);
  return tokens.unexpected(
    "the end of the query",
    "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, FORMAT",
  );
}
