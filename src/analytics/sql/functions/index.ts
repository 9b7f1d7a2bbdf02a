/** All functions that work row by row. */
import { aggregateNames } from "../aggregates/names.ts";
import type { Functions, ScalarFunction } from "../bound.ts";
import { arithmetic } from "./arithmetic.ts";
import { bitFunctions } from "./bits.ts";
import { comparisons } from "./comparison.ts";
import { dates } from "./dates.ts";
import { logic } from "./logic.ts";
import { numbers } from "./numbers.ts";
import { strings } from "./strings.ts";

const functions: Functions = {
  ...arithmetic,
  ...comparisons,
  ...logic,
  ...bitFunctions,
  ...numbers,
  ...strings,
  ...dates,
};

const byLowerCase = new Map(
  [...Object.keys(functions), ...aggregateNames, "extract"].map((name) => [name.toLowerCase(), name]),
);

/** As ClickHouse writes the name of a function: the documentation writes SUM and sum. */
export function canonicalName(name: string): string {
  return byLowerCase.get(name.toLowerCase()) ?? name;
}

export function functionNamed(name: string): ScalarFunction | undefined {
  return Object.hasOwn(functions, name) ? functions[name] : undefined;
}

/** The names of those that Cloudflare's reference has, or of the others. */
export function functionNames(isDocumented: boolean): string[] {
  return Object.keys(functions).filter((name) => functions[name]!.isDocumented === isDocumented);
}

/** What somebody may have meant. */
export function similarFunction(name: string): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let least = 3;
  for (const [candidate, canonical] of byLowerCase) {
    const distance = editDistance(wanted, candidate);
    if (distance < least && distance < wanted.length / 2) [best, least] = [canonical, distance];
  }
  return best;
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}
