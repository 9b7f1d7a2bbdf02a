/** Parses expressions, by precedence. Operators become calls, as in ClickHouse. */
import type { Call, Expression, List, Literal } from "./ast.ts";
import { SqlError } from "./error.ts";
import { canonicalName } from "./functions/index.ts";
import type { TokenStream } from "./token-stream.ts";
import { BOOL, FLOAT64, type IntervalUnit, NULL, STRING, typeOfInteger } from "./types.ts";
import { exact, formatFloat, quote } from "./values.ts";

export function parseExpression(tokens: TokenStream): Expression {
  return tokens.nested(() => parseOr(tokens));
}

function call(name: string, position: number, ...args: readonly Expression[]): Call {
  return { kind: "call", name, parameters: [], args, isDistinct: false, position };
}

function parseOr(tokens: TokenStream): Expression {
  return parseChain(tokens, "OR", "or", parseAnd);
}

function parseAnd(tokens: TokenStream): Expression {
  return parseChain(tokens, "AND", "and", parseNot);
}

/** `a AND b AND c` is one call. */
function parseChain(
  tokens: TokenStream,
  word: string,
  name: string,
  parse: (tokens: TokenStream) => Expression,
): Expression {
  const first = parse(tokens);
  const { position } = tokens.current;
  const rest: Expression[] = [];
  while (tokens.takeWord(word)) rest.push(parse(tokens));
  return rest.length === 0 ? first : call(name, position, first, ...rest);
}

function parseNot(tokens: TokenStream): Expression {
  const { position } = tokens.current;
  if (!tokens.takeWord("NOT")) return parseComparison(tokens);
  return tokens.nested(() => call("not", position, parseNot(tokens)));
}

const COMPARISONS: Readonly<Record<string, string>> = {
  ...{ "=": "equals", "==": "equals", "!=": "notEquals", "<>": "notEquals" },
  ...{ "<": "less", ">": "greater", "<=": "lessOrEquals", ">=": "greaterOrEquals" },
};

function parseComparison(tokens: TokenStream): Expression {
  let left = parseConcatenation(tokens);
  while (true) {
    const { kind, text, position } = tokens.current;
    const name = kind === "sign" ? COMPARISONS[text] : undefined;
    if (name !== undefined) {
      tokens.advance();
      left = call(name, position, left, parseConcatenation(tokens));
    } else if (tokens.takeWord("IS")) {
      tokens.remark("IS NULL");
      const isNot = tokens.takeWord("NOT");
      tokens.expectWord("NULL");
      left = call(isNot ? "isNotNull" : "isNull", position, left);
    } else {
      const compared = parseWordComparison(tokens, left);
      if (compared === undefined) return left;
      left = compared;
    }
  }
}

/** IN, LIKE, ILIKE and BETWEEN, with or without NOT. */
function parseWordComparison(tokens: TokenStream, left: Expression): Expression | undefined {
  const { position } = tokens.current;
  const isNot = tokens.isWord("NOT") && ["IN", "LIKE", "ILIKE", "BETWEEN"].includes(tokens.next.text.toUpperCase());
  if (isNot) tokens.advance();
  if (tokens.takeWord("IN")) return call(isNot ? "notIn" : "in", position, left, parseList(tokens));
  if (tokens.takeWord("LIKE")) return call(isNot ? "notLike" : "like", position, left, parseConcatenation(tokens));
  if (tokens.takeWord("ILIKE")) return call(isNot ? "notILike" : "ilike", position, left, parseConcatenation(tokens));
  if (!tokens.takeWord("BETWEEN")) return undefined;
  const low = parseConcatenation(tokens);
  tokens.expectWord("AND", "BETWEEN takes two values: x BETWEEN 1 AND 5");
  const high = parseConcatenation(tokens);
  return isNot
    ? call("or", position, call("less", position, left, low), call("greater", position, left, high))
    : call("and", position, call("greaterOrEquals", position, left, low), call("lessOrEquals", position, left, high));
}

function parseList(tokens: TokenStream): List {
  const { position } = tokens.current;
  tokens.expectSign("(", "IN takes a list in parentheses");
  if (tokens.isWord("SELECT")) {
    throw new SqlError("IN takes no subquery", tokens.current.position, "write the values: IN ('a', 'b')");
  }
  const items: Expression[] = [];
  do items.push(parseExpression(tokens));
  while (tokens.takeSign(","));
  tokens.expectSign(")");
  return { kind: "list", items, position };
}

function parseConcatenation(tokens: TokenStream): Expression {
  let left = parseSum(tokens);
  while (tokens.isSign("||")) {
    const { position } = tokens.advance();
    tokens.remark("||");
    left = call("concat", position, left, parseSum(tokens));
  }
  return left;
}

function parseSum(tokens: TokenStream): Expression {
  let left = parseProduct(tokens);
  while (tokens.isSign("+") || tokens.isSign("-")) {
    const { text, position } = tokens.advance();
    left = call(text === "+" ? "plus" : "minus", position, left, parseProduct(tokens));
  }
  return left;
}

const PRODUCTS: Readonly<Record<string, string>> = { "*": "multiply", "/": "divide", "%": "modulo" };

function parseProduct(tokens: TokenStream): Expression {
  let left = parseUnary(tokens);
  while (tokens.current.kind === "sign" && tokens.current.text in PRODUCTS) {
    const { text, position } = tokens.advance();
    left = call(PRODUCTS[text]!, position, left, parseUnary(tokens));
  }
  return left;
}

function parseUnary(tokens: TokenStream): Expression {
  const { position } = tokens.current;
  if (!tokens.takeSign("-")) return parsePrimary(tokens);
  if (tokens.current.kind === "number") return parseNumber(tokens, "-");
  return tokens.nested(() => call("negate", position, parseUnary(tokens)));
}

function parsePrimary(tokens: TokenStream): Expression {
  const { kind, text, position } = tokens.current;
  switch (kind) {
    case "number":
      return parseNumber(tokens, "");
    case "string":
      tokens.advance();
      return { kind: "literal", type: STRING, value: text, text: quote(text), position };
    case "quoted":
      tokens.advance();
      return { kind: "column", name: text, position };
    case "word":
      return parseWord(tokens);
    default:
      if (!tokens.takeSign("(")) throw tokens.unexpected("an expression");
  }
  const inner = parseExpression(tokens);
  if (tokens.isSign(",")) throw new SqlError("a list stands behind IN only", tokens.current.position);
  tokens.expectSign(")");
  return inner;
}

function parseNumber(tokens: TokenStream, sign: "" | "-"): Literal {
  const { text, position } = tokens.advance();
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) {
    const value = sign === "-" ? -BigInt(text) : BigInt(text);
    if (value >= -(1n << 63n) && value < 1n << 64n) {
      return { kind: "literal", type: typeOfInteger(value), value: exact(value), text: String(value), position };
    }
  }
  const value = Number(sign + text);
  const printed = formatFloat(value);
  return {
    kind: "literal",
    type: FLOAT64,
    value,
    text: /[.en]/.test(printed) ? printed : `${printed}.`,
    position,
  };
}

/** Words that end an expression: as names of columns they need quotes. */
const RESERVED = new Set(
  "SELECT FROM WHERE GROUP HAVING ORDER LIMIT OFFSET FORMAT AS AND OR IN LIKE ILIKE BETWEEN BY WHEN THEN ELSE END".split(
    " ",
  ),
);

function parseWord(tokens: TokenStream): Expression {
  const { text, position } = tokens.current;
  const word = text.toUpperCase();
  const opensCall = tokens.next.kind === "sign" && tokens.next.text === "(";
  if (RESERVED.has(word) && !(opensCall && word === "FORMAT")) {
    throw tokens.unexpected("an expression", `if it is the name of a column, quote it: "${text}"`);
  }
  tokens.advance();
  if (word === "CASE") return parseCase(tokens, position);
  if (word === "INTERVAL" && ["number", "string"].includes(tokens.current.kind)) return parseInterval(tokens, position);
  if (opensCall) return parseCall(tokens, text, position);
  if (word === "TRUE" || word === "FALSE") {
    return { kind: "literal", type: BOOL, value: word === "TRUE" ? 1 : 0, text: word.toLowerCase(), position };
  }
  if (word === "NULL") {
    tokens.remark("NULL");
    return { kind: "literal", type: NULL, value: null, text: "NULL", position };
  }
  return { kind: "column", name: text, position };
}

function parseCase(tokens: TokenStream, position: number): Expression {
  tokens.remark("CASE");
  const subject = tokens.isWord("WHEN") ? undefined : parseExpression(tokens);
  const args: Expression[] = [];
  while (tokens.takeWord("WHEN")) {
    const condition = parseExpression(tokens);
    args.push(subject === undefined ? condition : call("equals", condition.position, subject, condition));
    tokens.expectWord("THEN");
    args.push(parseExpression(tokens));
  }
  if (args.length === 0) throw tokens.unexpected("WHEN");
  args.push(
    tokens.takeWord("ELSE")
      ? parseExpression(tokens)
      : { kind: "literal", type: NULL, value: null, text: "NULL", position },
  );
  tokens.expectWord("END");
  return call("multiIf", position, ...args);
}

const intervalUnits: Readonly<Record<string, IntervalUnit>> = {
  ...{ SECOND: "Second", MINUTE: "Minute", HOUR: "Hour", DAY: "Day", WEEK: "Week", MONTH: "Month" },
  ...{ QUARTER: "Quarter", YEAR: "Year" },
};

function parseInterval(tokens: TokenStream, position: number): Literal {
  const count = tokens.advance();
  if (!/^-?\d{1,9}$/.test(count.text)) {
    throw new SqlError("an interval has a whole number", count.position, "such as INTERVAL '5' MINUTE");
  }
  const word = tokens.current.text.toUpperCase();
  const unit = intervalUnits[word] ?? intervalUnits[word.replace(/S$/, "")];
  if (tokens.current.kind !== "word" || unit === undefined) {
    throw tokens.unexpected("the unit of the interval", `one of ${Object.keys(intervalUnits).join(", ")}`);
  }
  if (unit === "Week" || unit === "Quarter") tokens.remark(`intervals in ${word}`);
  tokens.advance();
  const text = `toInterval${unit}(${count.kind === "string" ? quote(count.text) : count.text})`;
  return { kind: "literal", type: { kind: "interval", unit }, value: Number(count.text), text, position };
}

const EXTRACTS: Readonly<Record<string, string>> = {
  ...{ YEAR: "toYear", MONTH: "toMonth", DAY: "toDayOfMonth", HOUR: "toHour", MINUTE: "toMinute", SECOND: "toSecond" },
};

function parseCall(tokens: TokenStream, word: string, position: number): Expression {
  tokens.expectSign("(");
  const name = canonicalName(word);
  if (name === "extract" && tokens.next.text.toUpperCase() === "FROM") {
    const part = EXTRACTS[tokens.current.text.toUpperCase()];
    if (part === undefined) throw tokens.unexpected(Object.keys(EXTRACTS).join(", "));
    tokens.advance();
    tokens.advance();
    const moment = parseExpression(tokens);
    tokens.expectSign(")");
    return call(part, position, moment);
  }
  if (name === "position") return parsePosition(tokens, position);
  const isDistinct = tokens.takeWord("DISTINCT");
  const first = parseArguments(tokens, name === "count");
  if (isDistinct || !tokens.takeSign("(")) {
    return { kind: "call", name, parameters: [], args: first, isDistinct, position };
  }
  const args = parseArguments(tokens, false);
  return { kind: "call", name, parameters: first, args, isDistinct, position };
}

/** `position(needle IN haystack)`, or ClickHouse's `position(haystack, needle)`. */
function parsePosition(tokens: TokenStream, position: number): Expression {
  const first = parseConcatenation(tokens);
  const isIn = tokens.takeWord("IN");
  if (!isIn) tokens.expectSign(",", "position(needle IN haystack)");
  const second = parseConcatenation(tokens);
  tokens.expectSign(")");
  return isIn ? call("position", position, second, first) : call("position", position, first, second);
}

/** Behind the opening parenthesis. @param allowsStar `count(*)` counts rows, as `count()` does */
function parseArguments(tokens: TokenStream, allowsStar: boolean): Expression[] {
  const args: Expression[] = [];
  if (tokens.takeSign(")")) return args;
  if (allowsStar && tokens.takeSign("*")) {
    tokens.remark("count(*)");
    tokens.expectSign(")");
    return args;
  }
  do args.push(parseExpression(tokens));
  while (tokens.takeSign(","));
  tokens.expectSign(")");
  return args;
}
