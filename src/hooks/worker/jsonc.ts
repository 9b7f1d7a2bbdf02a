/** JSON with comments and trailing commas. Errors have a place, which those of `JSON.parse` have not in all versions. */

/** Blanks and comments, then one token: punctuation, a string, or a number or word. */
const TOKEN = /(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*([[\]{}:,]|"(?:[^"\\\n]|\\.)*"|[\w.+-]+|$)/y;

/** Deeper than any configuration, and not so deep that the stack ends. */
const DEPTH_MAX = 100;

/** @throws {SyntaxError} with line and column */
export function parseJsonc(text: string): unknown {
  const reader = new Reader(text.replace(/^\uFEFF/, ""));
  const value = reader.value(0);
  if (reader.token !== "") reader.fail();
  return value;
}

class Reader {
  /** The current one; empty at the end. */
  token = "";
  readonly #text: string;
  #start = 0;
  #end = 0;

  constructor(text: string) {
    this.#text = text;
    this.#next();
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) this.fail();
    if (this.token === "[") {
      const array: unknown[] = [];
      this.#list("]", () => array.push(this.value(depth + 1)));
      return array;
    }
    if (this.token === "{") {
      const entries: [string, unknown][] = [];
      this.#list("}", () => {
        const key = this.#scalar();
        if (typeof key !== "string" || this.token !== ":") this.fail();
        this.#next();
        entries.push([key, this.value(depth + 1)]);
      });
      return Object.fromEntries(entries);
    }
    return this.#scalar();
  }

  fail(): never {
    const lines = this.#text.slice(0, this.#start).split("\n");
    const what = this.token === "" ? "the end" : this.token;
    throw new SyntaxError(`line ${lines.length}, column ${lines.at(-1)!.length + 1}: ${what} is not expected here`);
  }

  #list(close: string, item: () => void): void {
    this.#next();
    while (this.token !== close) {
      item();
      if (this.token === ",") this.#next();
      else if (this.token !== close) this.fail();
    }
    this.#next();
  }

  #scalar(): unknown {
    let value: unknown;
    try {
      value = JSON.parse(this.token);
    } catch {
      this.fail();
    }
    this.#next();
    return value;
  }

  #next(): void {
    TOKEN.lastIndex = this.#end;
    const match = TOKEN.exec(this.#text);
    if (match === null) {
      this.#start = this.#end + /^(?:\s|\/\/[^\n]*|\/\*[^]*?\*\/)*/.exec(this.#text.slice(this.#end))![0].length;
      this.token = this.#text[this.#start]!;
      this.fail();
    }
    this.token = match[1]!;
    this.#end = TOKEN.lastIndex;
    this.#start = this.#end - this.token.length;
  }
}
