/** From the text of a file to its tests; what is wrong is said with its place. */
import { type Document, LineCounter, type Node, isMap, isScalar, parseAllDocuments } from "yaml";
import type { z } from "zod";
import { UserError } from "../../errors.ts";
import { type BrokerSettings, type Step, type StepName, scenarioSchema, shorthands, stepSchemas } from "./schema.ts";

export interface Place {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export interface PlacedStep extends Place {
  readonly step: Step;
}

export interface Scenario {
  readonly file: string;
  readonly name: string;
  readonly broker: BrokerSettings;
  readonly steps: readonly PlacedStep[];
}

/** Larger is no test, but a mistake. */
const TEXT_CHARS_MAX = 4 * 1024 * 1024;

type Path = readonly PropertyKey[];

/** @throws {UserError} `test-invalid`, with file, line and column */
export function readScenarios(text: string, file: string): Scenario[] {
  if (text.length > TEXT_CHARS_MAX) throw new UserError("test-invalid", `${file} is larger than a test can be`);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines });
  // Empty text has a form of its own.
  const all = Array.isArray(documents) ? documents : [];
  const scenarios = all
    .filter((document) => document.contents !== null || document.errors.length > 0)
    .map((document, index) => new Reader(document, lines, file).read(index));
  if (scenarios.length > 0) return scenarios;
  throw new UserError("test-invalid", `${file} has no test in it`, HINT);
}

const HINT = "docs/testing.md says what stands in such a file";

class Reader {
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #file: string;

  constructor(document: Document.Parsed, lines: LineCounter, file: string) {
    this.#document = document;
    this.#lines = lines;
    this.#file = file;
  }

  read(index: number): Scenario {
    const [error] = this.#document.errors;
    if (error)
      throw this.#wrong(this.#placeOf(error.pos[0]), error.message.split("\n")[0]!.replace(/ at line .*$/, ""));
    const { name, broker = {}, steps } = this.#check(scenarioSchema, this.#toJs(), []);
    return {
      file: this.#file,
      name: name ?? `${this.#file}${index === 0 ? "" : `, ${index + 1}`}`,
      broker,
      steps: steps.map((step, number) => ({ ...this.#placeAt(["steps", number]), step: this.#readStep(step, number) })),
    };
  }

  #toJs(): unknown {
    try {
      return this.#document.toJS();
    } catch (error) {
      // Such as an alias without an anchor, or too many of them.
      throw this.#wrong(this.#placeAt([]), (error as Error).message);
    }
  }

  #readStep(step: unknown, index: number): Step {
    const path = ["steps", index];
    const names = Object.keys(stepSchemas);
    const isObject = typeof step === "object" && step !== null && !Array.isArray(step);
    const [entry, another] = isObject ? Object.entries(step) : typeof step === "string" ? [[step, undefined]] : [];
    if (entry === undefined || another !== undefined) {
      throw this.#wrong(this.#placeAt(path), `a step does one thing: ${names.join(", ")}`);
    }
    const [name, value] = entry as [string, unknown];
    if (!Object.hasOwn(stepSchemas, name)) {
      throw this.#wrong(this.#placeOfKey(path, name), `there is no step "${name}"; there are ${names.join(", ")}`);
    }
    const known = name as StepName;
    const isWhole = typeof value === "object" && value !== null && !Array.isArray(value);
    const whole = isWhole ? value : { [shorthands[known]]: value ?? undefined };
    return { name: known, value: this.#check(stepSchemas[known], whole, [...path, name]) } as Step;
  }

  #check<Schema extends z.ZodType>(schema: Schema, value: unknown, path: Path): z.output<Schema> {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const { issues } = result.error;
    // A member that is misspelt is missing as well.
    const issue = deepest(issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0]!);
    const at = [...path, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      const [key = ""] = issue.keys;
      throw this.#wrong(this.#placeOfKey(at, key), `there is no "${key}" here`);
    }
    const name = issue.path.map(String).join(".");
    throw this.#wrong(this.#placeAt(at), name === "" ? issue.message : `${name}: ${issue.message}`);
  }

  /** Of what is there, or of the nearest thing around it. */
  #placeAt(path: Path): Place {
    for (let length = path.length; length > 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true) as Node | undefined;
      if (node?.range) return this.#placeOf(node.range[0]);
    }
    return this.#placeOf(this.#document.contents?.range[0] ?? this.#document.range[0]);
  }

  #placeOfKey(path: Path, key: string): Place {
    const map = path.length === 0 ? this.#document.contents : this.#document.getIn(path, true);
    const pair = isMap(map)
      ? map.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
      : undefined;
    const range = isScalar(pair?.key) ? pair.key.range : undefined;
    return range ? this.#placeOf(range[0]) : this.#placeAt(path);
  }

  #placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }

  #wrong({ line, column }: Place, what: string): UserError {
    return new UserError("test-invalid", `${this.#file}:${line}:${column}: ${what}`, HINT);
  }
}

/** Of alternatives, the one that came furthest says most; where none did, all say what they would take. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const inner = issue.errors.flat().map((each) => deepest({ ...each, path: [...issue.path, ...each.path] }));
  const furthest = inner.find(({ code, path }) => code === "custom" || path.length > issue.path.length);
  if (furthest !== undefined) return furthest;
  return { ...issue, message: [...new Set(inner.map(({ message }) => message))].join(", or ") };
}
