/** Where a parser stands in a query. */
import { SqlError } from "./error.ts";
import { type Token, tokenize } from "./tokens.ts";

const LEVELS_MAX = 200;

export class TokenStream {
  /** See `Statement.remarks`. */
  readonly remarks = new Set<string>();
  readonly #tokens: readonly Token[];
  #index = 0;
  #levels = 0;

  constructor(query: string) {
    this.#tokens = tokenize(query);
  }

  get current(): Token {
    return this.#tokens[this.#index]!;
  }

  get next(): Token {
    return this.#tokens[Math.min(this.#index + 1, this.#tokens.length - 1)]!;
  }

  advance(): Token {
    const token = this.current;
    if (token.kind !== "end") this.#index++;
    return token;
  }

  isWord(word: string): boolean {
    return this.current.kind === "word" && this.current.text.toUpperCase() === word.toUpperCase();
  }

  isSign(sign: string): boolean {
    return this.current.kind === "sign" && this.current.text === sign;
  }

  takeWord(word: string): boolean {
    const isThere = this.isWord(word);
    if (isThere) this.advance();
    return isThere;
  }

  takeSign(sign: string): boolean {
    const isThere = this.isSign(sign);
    if (isThere) this.advance();
    return isThere;
  }

  expectWord(word: string, hint?: string): void {
    if (!this.takeWord(word)) throw this.unexpected(word, hint);
  }

  expectSign(sign: string, hint?: string): void {
    if (!this.takeSign(sign)) throw this.unexpected(sign, hint);
  }

  /** An identifier, quoted or not. */
  takeName(what: string): string {
    const { kind } = this.current;
    if (kind !== "word" && kind !== "quoted") throw this.unexpected(what);
    return this.advance().text;
  }

  /** Says that this is ours (and ClickHouse's), but not in Cloudflare's documentation. */
  remark(what: string): void {
    this.remarks.add(what);
  }

  /** Parses something that may hold itself, but not without end. */
  nested<T>(parse: () => T): T {
    if (++this.#levels > LEVELS_MAX) {
      throw new SqlError(`more than ${LEVELS_MAX} parentheses or operators are in each other`, this.current.position);
    }
    try {
      return parse();
    } finally {
      this.#levels--;
    }
  }

  unexpected(expected: string, hint?: string): SqlError {
    const { kind, text, position } = this.current;
    const found = kind === "end" ? "end of the query" : kind === "string" ? `'${text}'` : text;
    return new SqlError(`unexpected ${found}: expected ${expected}`, position, hint);
  }
}
