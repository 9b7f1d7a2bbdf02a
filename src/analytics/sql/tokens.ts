/** From a query's text to words, numbers, strings and signs. */
import { SqlError } from "./error.ts";

export type TokenKind = "word" | "quoted" | "number" | "string" | "sign" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** What it means: without quotes and escapes. */
  readonly text: string;
  readonly position: number;
}

const SPACE = /(?:\s+|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /0x[0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const SIGN = /<=|>=|<>|!=|==|\|\||[()+\-*/%<>=,;.[\]]/y;

/** As ClickHouse has them; a backslash before anything else stands for itself. */
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ n: "\n", t: "\t", r: "\r", 0: "\0", b: "\b", f: "\f", a: "\u0007", v: "\v", e: "\u001B" },
  ...{ "\\": "\\", "'": "'", '"': '"', "`": "`" },
};

/** @throws {SqlError} */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position;
    return pattern.exec(query)?.[0];
  };
  while (true) {
    position += match(SPACE)!.length;
    if (position === query.length) break;
    const quote = query[position]!;
    if (quote === "'" || quote === '"' || quote === "`") {
      const { text, end } = readQuoted(query, position);
      tokens.push({ kind: quote === "'" ? "string" : "quoted", text, position });
      position = end;
      continue;
    }
    const number = match(NUMBER);
    const word = match(WORD);
    const text = number ?? word ?? match(SIGN);
    if (text === undefined) {
      if (query.startsWith("/*", position)) throw new SqlError("the comment does not end", position, "end it with */");
      throw new SqlError(`unexpected character ${JSON.stringify(characterAt(query, position))}`, position);
    }
    tokens.push({ kind: number !== undefined ? "number" : word !== undefined ? "word" : "sign", text, position });
    position += text.length;
  }
  tokens.push({ kind: "end", text: "", position });
  return tokens;
}

function characterAt(query: string, position: number): string {
  return String.fromCodePoint(query.codePointAt(position)!);
}

function readQuoted(query: string, start: number): { text: string; end: number } {
  const quote = query[start]!;
  let text = "";
  for (let index = start + 1; index < query.length; index++) {
    const character = query[index]!;
    if (character === quote) {
      if (query[index + 1] !== quote) return { text, end: index + 1 };
      text += quote;
      index++;
    } else if (character === "\\" && index + 1 < query.length) {
      const escaped = query[++index]!;
      text += ESCAPES[escaped] ?? `\\${escaped}`;
    } else text += character;
  }
  throw new SqlError("the quotation does not end", start, `end it with ${quote}; inside, write ${quote} twice`);
}
