/**
 * Queries of which ClickHouse's answers are known: generated ones, kept by `npm run analytics-oracle -- --seed 20 --queries
 * 260 --rows 12 --write test/fixtures/analytics/clickhouse.json`.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Random } from "../simulation/random.ts";
import { ask } from "./oracle/ask.ts";
import { type JsonAnswer, difference } from "./oracle/compare.ts";
import { makeRows } from "./oracle/rows.ts";

interface Kept {
  readonly seed: number;
  readonly rows: number;
  readonly queries: readonly {
    readonly query: string;
    readonly isOrdered: boolean;
    readonly answer: { readonly meta: JsonAnswer["meta"]; readonly data: readonly unknown[][] };
  }[];
}

const file = new URL("../fixtures/analytics/clickhouse.json", import.meta.url);
const { seed, rows, queries } = JSON.parse(readFileSync(file, "utf8")) as Kept;
const points = makeRows(new Random(seed), rows);

test("generated queries have ClickHouse's answers", () => {
  expect(queries.length).toBeGreaterThan(200);
  for (const { query, isOrdered, answer } of queries) {
    const { meta, data } = answer;
    const theirs: JsonAnswer = {
      meta,
      data: data.map((row) => Object.fromEntries(meta.map(({ name }, index) => [name, row[index]]))),
      rows: data.length,
    };
    expect(difference(JSON.parse(ask(query, points)) as JsonAnswer, theirs, isOrdered), query).toBeUndefined();
  }
});
