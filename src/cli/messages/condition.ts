/** Conditions on a message, such as `payload.celsius > 30 && topic =~ "^roof/"`, for `sub --until`. */
import { usageError } from "../errors.ts";

/** What a condition can name. */
export interface Subject {
  topic: string;
  /** The payload as JSON, or as text where it is none. */
  payload: unknown;
  text: string;
  qos: number;
  retain: boolean;
  properties: unknown;
}

export type Condition = (subject: Subject) => boolean;

type Value = (subject: Subject) => unknown;

const NAMES: readonly (keyof Subject)[] = ["topic", "payload", "text", "qos", "retain", "properties"];
const TEXT_MAX = 4096;
/** For the help of commands that take one. */
export const CONDITION_HELP = `
Conditions:
  of topic, payload (read as JSON), text (the payload as it is), qos, retain and
  properties, with == != < <= > >= =~ "REGULAR EXPRESSION" && || ! and ( ).
  What is not there equals null: payload.x != null holds where there is an x.`;

const HINT = 'such as: payload.celsius > 30, text == "done", topic =~ "^roof/" && retain';

const TOKEN =
  /\s*(?:(?<number>-?\d+(?:\.\d+)?)|(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<word>[A-Za-z_]\w*(?:\.[\w-]+|\[\d+\])*)|(?<sign>==|!=|<=|>=|=~|&&|\|\||[<>!()]))/y;

interface Token {
  kind: "number" | "text" | "word" | "sign";
  text: string;
}

/** @throws {UserError} `usage` */
export function parseCondition(text: string): Condition {
  if (text.length > TEXT_MAX) throw usageError(`the condition is longer than ${TEXT_MAX} characters`);
  const parser = new Parser(text);
  return parser.parse();
}

class Parser {
  readonly #text: string;
  readonly #tokens: Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  parse(): Condition {
    const condition = this.#or();
    const rest = this.#tokens[this.#next];
    if (rest) throw this.#wrong(`"${rest.text}" is one too many`);
    return (subject) => isTrue(condition(subject));
  }

  #or(): Value {
    let left = this.#and();
    while (this.#takes("||")) {
      const [first, second] = [left, this.#and()];
      left = (subject) => isTrue(first(subject)) || isTrue(second(subject));
    }
    return left;
  }

  #and(): Value {
    let left = this.#not();
    while (this.#takes("&&")) {
      const [first, second] = [left, this.#not()];
      left = (subject) => isTrue(first(subject)) && isTrue(second(subject));
    }
    return left;
  }

  #not(): Value {
    if (this.#takes("!")) {
      const inner = this.#not();
      return (subject) => !isTrue(inner(subject));
    }
    if (this.#takes("(")) {
      const inner = this.#or();
      if (!this.#takes(")")) throw this.#wrong('a ")" is missing');
      return inner;
    }
    return this.#comparison();
  }

  #comparison(): Value {
    const left = this.#value();
    const sign = this.#tokens[this.#next];
    const compare = sign?.kind === "sign" ? comparisons[sign.text] : undefined;
    if (sign?.text === "=~") {
      this.#next++;
      return this.#match(left);
    }
    if (!compare) return left;
    this.#next++;
    const right = this.#value();
    return (subject) => compare(left(subject), right(subject));
  }

  #match(left: Value): Value {
    const token = this.#tokens[this.#next++];
    if (token?.kind !== "text") throw this.#wrong("after =~ stands a regular expression in quotes");
    let pattern: RegExp;
    try {
      pattern = new RegExp(unquote(token.text), "u");
    } catch (error) {
      throw this.#wrong((error as Error).message);
    }
    return (subject) => pattern.test(asText(left(subject)));
  }

  #value(): Value {
    const token = this.#tokens[this.#next++];
    if (token === undefined) throw this.#wrong("it ends too early");
    if (token.kind === "number") return () => Number(token.text);
    if (token.kind === "text") {
      const text = unquote(token.text);
      return () => text;
    }
    if (token.kind === "sign") throw this.#wrong(`"${token.text}" stands where a value has to be`);
    const constants: Record<string, unknown> = { true: true, false: false, null: null };
    if (Object.hasOwn(constants, token.text)) return () => constants[token.text];
    return this.#path(token.text);
  }

  #path(text: string): Value {
    const [root = "", ...steps] = text.split(/[.[\]]+/).filter((step) => step !== "");
    const name = NAMES.find((each) => each === root);
    if (!name) throw this.#wrong(`there is no "${root}"; there are ${NAMES.join(", ")}`);
    return (subject) => steps.reduce<unknown>((value, step) => memberOf(value, step), subject[name]);
  }

  #takes(sign: string): boolean {
    const token = this.#tokens[this.#next];
    const taken = token?.kind === "sign" && token.text === sign;
    if (taken) this.#next++;
    return taken;
  }

  #wrong(what: string) {
    return usageError(`the condition "${this.#text}" cannot be read: ${what}`, HINT);
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (text.slice(position).trim() !== "") {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    const found = Object.entries(match?.groups ?? {}).find(([, part]) => part !== undefined);
    if (!match || !found) {
      throw usageError(`the condition "${text}" cannot be read from "${text.slice(position).trim()}" on`, HINT);
    }
    tokens.push({ kind: found[0] as Token["kind"], text: found[1] });
    position = TOKEN.lastIndex;
  }
  return tokens;
}

function unquote(text: string): string {
  return text.slice(1, -1).replaceAll(/\\(["'\\])/g, "$1");
}

const comparisons: Readonly<Record<string, (left: unknown, right: unknown) => boolean>> = {
  "==": (left, right) => isSame(left, right),
  "!=": (left, right) => !isSame(left, right),
  "<": (left, right) => inOrder(left, right, (order) => order < 0),
  "<=": (left, right) => inOrder(left, right, (order) => order <= 0),
  ">": (left, right) => inOrder(left, right, (order) => order > 0),
  ">=": (left, right) => inOrder(left, right, (order) => order >= 0),
};

/** What is not there is null: nobody who compares with null means only the word. */
function isSame(left: unknown, right: unknown): boolean {
  return (left ?? null) === (right ?? null);
}

/** Numbers with numbers and texts with texts; anything else is in no order. */
function inOrder(left: unknown, right: unknown, fits: (order: number) => boolean): boolean {
  if (typeof left === "number" && typeof right === "number") return fits(left - right);
  return typeof left === "string" && typeof right === "string" && fits(left < right ? -1 : left > right ? 1 : 0);
}

function memberOf(value: unknown, step: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string, unknown>)[step]
    : undefined;
}

function isTrue(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== "" && value !== 0;
}

function asText(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
