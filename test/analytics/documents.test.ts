import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { aggregateNames } from "../../src/analytics/sql/aggregates/names.ts";
import { functionNames } from "../../src/analytics/sql/index.ts";

/** What operators stand for. */
const OPERATORS = new Set(
  "plus minus multiply divide modulo negate equals notEquals less greater lessOrEquals greaterOrEquals in notIn like notLike ilike notILike and or not".split(
    " ",
  ),
);

test("docs/analytics.md names every function, those that Cloudflare documents apart from the others", () => {
  const page = readFileSync(new URL("../../docs/analytics.md", import.meta.url), "utf8");
  const [, documented, others] = /Of Cloudflare's reference:\n([^]*)\nClickHouse has more([^]*?)\n\n/.exec(page)!;
  const names = (text: string) => new Set([...text.matchAll(/`(\w+)/g)].map(([, name]) => name));
  const missing = (names: readonly string[], there: ReadonlySet<unknown>) =>
    names.filter((name) => !OPERATORS.has(name) && !there.has(name));
  expect(missing(functionNames(true), names(documented!))).toEqual([]);
  expect(missing(functionNames(false), names(others!))).toEqual([]);
  expect(missing(aggregateNames, names(page))).toEqual([]);
});
