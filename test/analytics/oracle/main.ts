/**
 * `npm run analytics-oracle -- --seed N --queries 500`: generated queries, answered by us and by ClickHouse (chdb) on the same
 * rows. Prints what differs; `--verbose` prints all queries. `--write FILE` keeps queries and ClickHouse's answers for the
 * tests that have to do without it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../../simulation/random.ts";
import { ask } from "./ask.ts";
import { type JsonAnswer, difference } from "./compare.ts";
import { QueryGenerator, forClickHouse } from "./generate.ts";
import { makeRows } from "./rows.ts";

interface ChdbSession {
  query(sql: string, format: string): string;
  cleanup(): void;
}

const { values } = parseArgs({
  options: {
    chdb: { type: "string" },
    seed: { type: "string", default: "1" },
    queries: { type: "string", default: "500" },
    rows: { type: "string", default: "300" },
    write: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

/**
 * Where types do not go together, ClickHouse has Variant and Nullable of late, and Cloudflare has not; and it finds no fault
 * with what it need not compute.
 */
const MAY_BE_REFUSED = /different types|takes a DateTime, not Date/;

const seed = Number(values.seed);
const queries = Number(values.queries);
const random = new Random(seed);
const points = makeRows(random, Number(values.rows));
/** For `--write`. */
const kept: { query: string; isOrdered: boolean; answer: unknown }[] = [];

const { Session } = createRequire(`${path.resolve(values.chdb!)}/`)("chdb") as {
  Session: new (path: string) => ChdbSession;
};
const folder = mkdtempSync(path.join(tmpdir(), "pubsub-oracle-"));
const session = new Session(folder);
try {
  fill();
  process.exitCode = compareAll() === 0 ? 0 : 1;
  if (values.write !== undefined) {
    const lines = kept.map((each) => JSON.stringify(each)).join(",\n");
    writeFileSync(values.write, `{"seed":${seed},"rows":${values.rows},"queries":[\n${lines}\n]}\n`);
  }
} finally {
  session.cleanup();
  rmSync(folder, { recursive: true, force: true });
}

/** The same rows for ClickHouse. */
function fill(): void {
  const columns = [
    ...["dataset String", "timestamp DateTime", "_sample_interval UInt32", "index1 String"],
    ...["blob1 String", "blob2 String", "blob3 String", "double1 Float64", "double2 Float64", "double3 Float64"],
  ];
  session.query("SET output_format_json_quote_64bit_integers = 1", "CSV");
  // It would turn min(x + 1) into min(x) + 1, which shows where there are no rows.
  session.query("SET optimize_arithmetic_operations_in_aggregate_functions = 0", "CSV");
  session.query("SET session_timezone = 'Etc/UTC'", "CSV");
  session.query("CREATE DATABASE d", "CSV");
  session.query(`CREATE TABLE d.t (${columns.join(", ")}) ENGINE = Memory`, "CSV");
  const rows = points.map(({ timestamp, index, blobs, doubles }) =>
    JSON.stringify({
      ...{ dataset: "t", timestamp, _sample_interval: 1, index1: index },
      ...Object.fromEntries(blobs.map((blob, at) => [`blob${at + 1}`, blob])),
      ...Object.fromEntries(doubles.map((double, at) => [`double${at + 1}`, double])),
    }),
  );
  session.query(`INSERT INTO d.t FORMAT JSONEachRow ${rows.join("\n")}`, "CSV");
}

function compareAll(): number {
  const generator = new QueryGenerator(random);
  let [same, refused, different] = [0, 0, 0];
  for (let index = 0; index < queries; index++) {
    const { text, isOrdered } = generator.query();
    const ours = answerOf(() => ask(text, points));
    const theirs = answerOf(() => askClickHouse(text));
    const isRefused = typeof ours === "string" && (typeof theirs === "string" || MAY_BE_REFUSED.test(ours));
    const found = isRefused
      ? undefined
      : typeof ours === "string" || typeof theirs === "string"
        ? `ours:   ${short(ours)}\n  theirs: ${short(theirs)}`
        : difference(ours, theirs, isOrdered);
    if (isRefused) refused++;
    else if (found === undefined) {
      same++;
      const { meta, data } = theirs as JsonAnswer;
      kept.push({
        query: text,
        isOrdered,
        answer: { meta, data: data.map((row) => meta.map(({ name }) => row[name])) },
      });
    } else different++;
    if (values.verbose || found !== undefined) print(`${found === undefined ? "same" : "DIFFERENT"}: ${text}`);
    if (found !== undefined) print(`  ${found}\n`);
  }
  print(
    `seed ${seed}: ${queries} queries, ${same} with the same answer, ${refused} refused by both, ${different} different`,
  );
  return different;
}

/** @returns the answer, or why there is none */
function answerOf(ask: () => string): JsonAnswer | string {
  try {
    return JSON.parse(ask()) as JsonAnswer;
  } catch (error) {
    return (error as Error).message;
  }
}

function askClickHouse(text: string): string {
  try {
    return session.query(forClickHouse(text), "JSON");
  } catch (error) {
    // Takes away what the query may have put into the session's buffer before it failed.
    session.query("SELECT 1", "CSV");
    throw error;
  }
}

function short(answer: JsonAnswer | string): string {
  return (typeof answer === "string" ? answer : JSON.stringify(answer)).slice(0, 300);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
