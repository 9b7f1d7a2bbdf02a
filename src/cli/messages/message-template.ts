/** `{{count}}` and its like in a message or topic of `pub`. */
import { randomInt } from "node:crypto";
import { ulid } from "ulid";
import { usageError } from "../errors.ts";

/** What a message's number and time are. */
export interface TemplateValues {
  /** 1 for the first message. */
  count: number;
  now: Date;
}

type Part = string | ((values: TemplateValues) => string);

/** Turns the values of one message into its text. */
export interface Template {
  expand(values: TemplateValues): string;
  /** What looks like a template and is none: it stays as it is. */
  readonly unknown: readonly string[];
}

const WORDS = /\{\{\s*(?<name>[a-z]+)(?<words>(?:\s+-?[\w.]+)*)\s*\}\}/g;

/** What `randomInt` can tell apart. */
const RANDOM_RANGE_MAX = 2 ** 48 - 1;

/**
 * @returns undefined where the text has no template
 * @throws {UserError} `usage`
 */
export function compileTemplate(text: string): Template | undefined {
  const parts: Part[] = [];
  const unknown: string[] = [];
  let position = 0;
  for (const match of text.matchAll(WORDS)) {
    const { name = "", words = "" } = match.groups!;
    const part = templatePart(match[0], name, words.trim().split(/\s+/).filter(Boolean));
    if (part === undefined) unknown.push(match[0]);
    parts.push(text.slice(position, match.index), part ?? match[0]);
    position = match.index + match[0].length;
  }
  if (parts.length === 0) return undefined;
  parts.push(text.slice(position));
  return {
    unknown,
    expand: (values) => parts.map((part) => (typeof part === "string" ? part : part(values))).join(""),
  };
}

function templatePart(whole: string, name: string, words: string[]): Part | undefined {
  if (name === "random") return randomPart(whole, words);
  const values: Record<string, Part> = {
    count: ({ count }) => String(count),
    id: () => ulid(),
    time: ({ now }) => now.toISOString(),
  };
  if (!Object.hasOwn(values, name)) return undefined;
  if (words.length > 0) throw usageError(`${whole}: nothing follows "${name}"`, `write {{${name}}}`);
  return values[name];
}

function randomPart(whole: string, words: string[]): Part {
  const [low, high] = words.map((word) => (/^-?\d+$/.test(word) ? Number(word) : Number.NaN));
  const fits = words.length === 2 && low! <= high! && high! - low! < RANDOM_RANGE_MAX;
  if (!fits || !Number.isSafeInteger(low) || !Number.isSafeInteger(high)) {
    throw usageError(`${whole} needs two whole numbers, the smaller one first`, "such as {{random 1 100}}");
  }
  return () => String(randomInt(low!, high! + 1));
}
