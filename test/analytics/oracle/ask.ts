/** A query to our engine, with points of a dataset t. */
import { Dataset } from "../../../src/analytics/dataset.ts";
import type { Point } from "../../../src/analytics/point.ts";
import { type Format, SqlError, formatAnswer, parse, run } from "../../../src/analytics/sql/index.ts";

/** @throws {SqlError} and nothing else, unless the engine has a fault */
export function ask(query: string, points: readonly Point[], format?: Format): string {
  const dataset = new Dataset("t", Infinity);
  for (const point of points) dataset.add(point);
  const source = { table: (name: string) => (name === "t" ? dataset.relation() : undefined), tableNames: () => ["t"] };
  try {
    const statement = parse(query);
    const running = run(statement, source, { nowMs: 1_640_000_000_000 });
    let step = running.next();
    while (!step.done) step = running.next();
    return formatAnswer(step.value, format ?? statement.format);
  } catch (error) {
    if (error instanceof SqlError) throw error;
    throw new Error(`the engine failed on ${query}`, { cause: error });
  }
}
