import { appendFileSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { Analytics } from "../../src/analytics/index.ts";
import type { Point } from "../../src/analytics/point.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";

const NOW = 1_700_000_000_000;

function folder(): string {
  return path.join(temporaryFolder(), "analytics");
}

function open(options: { folder?: string; pointsMax?: number } = {}): { analytics: Analytics; logged: string[] } {
  const logged: string[] = [];
  return { analytics: new Analytics({ ...options, log: (line) => logged.push(line), now: () => NOW }), logged };
}

const point = (double: number, blob = "x"): Point => ({
  timestamp: NOW / 1000,
  index: "i",
  blobs: [blob],
  doubles: [double],
});

async function ask(analytics: Analytics, query: string): Promise<string> {
  const answer = await analytics.query(`${query} FORMAT TabSeparated`);
  return "refused" in answer ? answer.refused : answer.body.trimEnd();
}

test("points outlive the process, in files for their owner only", async () => {
  const kept = folder();
  const first = open({ folder: kept }).analytics;
  await first.write("../a b", [point(1, "ä\n\"'"), point(NaN), point(-Infinity)]);
  await first.close();
  const [name] = readdirSync(kept);
  expect(name).toBe("%2E%2E%2Fa%20b");
  const file = path.join(kept, name!, "000001.ndjson");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(kept).mode & 0o777).toBe(0o700);

  // A crash in the middle of a line, after one that nobody can read.
  appendFileSync(file, "garbage\n[170000");
  const { analytics, logged } = open({ folder: kept });
  await analytics.write("../a b", [point(2)]);
  expect(await ask(analytics, 'SELECT blob1, double1 FROM "../a b"')).toBe("ä\\n\"\\'\t1\nx\tnan\nx\t-inf\nx\t2");
  expect(logged).toEqual(["analytics: 1 points of ../a b could not be read, and are left out"]);
  expect(readFileSync(file, "utf8").endsWith('garbage\n[1700000000,"i",["x"],[2]]\n')).toBe(true);
});

test("of more points than there may be the oldest go, in memory and on disk", async () => {
  const kept = folder();
  const { analytics } = open({ folder: kept, pointsMax: 131_072 });
  const batch = Array.from({ length: 50_000 }, (_, index) => point(index));
  for (let round = 0; round < 4; round++)
    await analytics.write(
      "d",
      batch.map((each) => ({ ...each, blobs: [String(round)] })),
    );
  const query = "SELECT count(), min(blob1) FROM d";
  expect(await ask(analytics, query)).toBe("68928\t2");
  expect(readdirSync(path.join(kept, "d"))).toEqual(["000003.ndjson", "000004.ndjson"]);
  const again = open({ folder: kept, pointsMax: 131_072 }).analytics;
  expect(await ask(again, query)).toBe("68928\t2");
});

test("all datasets together are analytics_engine, as the documentation of 2022 has it", async () => {
  const { analytics } = open();
  expect(await ask(analytics, "SELECT 1 FROM nothing")).toMatch(/no dataset nothing[^]*begins with the first point/);
  expect(await ask(analytics, "SELECT count() FROM analytics_engine")).toBe("0");
  await analytics.write("b", [point(1)]);
  await analytics.write("a", [point(2), point(3)]);
  expect(await ask(analytics, "SHOW TABLES")).toBe("a\tDataset\nb\tDataset");
  const query = "SELECT dataset, sum(metric_1) AS s FROM analytics_engine WHERE dataset = 'a' GROUP BY dataset";
  expect(await ask(analytics, query)).toBe("a\t5");
});

test("there are so many datasets and no more; an answer, a query and those that wait have limits", async () => {
  const { analytics, logged } = open();
  for (let index = 0; index < 101; index++) await analytics.write(`d${index}`, [point(1)]);
  await analytics.write("d".repeat(129), [point(1)]);
  expect(logged).toHaveLength(2);
  expect(logged[0]).toMatch(/points of "d100" are not kept: there are 100 datasets/);
  await analytics.write(
    "d0",
    Array.from({ length: 120_000 }, () => point(1)),
  );
  expect(await ask(analytics, "SELECT * FROM d0")).toMatch(/more than 5,000,000 values[^]*add LIMIT/);
  expect(await ask(analytics, `SELECT '${"x".repeat(300_000)}'`)).toMatch(/more than 262144 characters/);
  const answers = await Promise.all(Array.from({ length: 17 }, async () => await ask(analytics, "SELECT 1")));
  expect(answers.filter((answer) => answer === "1")).toHaveLength(16);
  expect(answers[16]).toMatch(/16 queries are waiting/);
});

test("the broker has the processor while a query runs", async () => {
  const { analytics } = open();
  await analytics.write(
    "d",
    Array.from({ length: 200_000 }, (_, index) => point(index, `b${index % 1000}`)),
  );
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await ask(
    analytics,
    "SELECT blob1, sum(double1), quantileExactWeighted(0.5)(double1, 1) FROM d GROUP BY blob1 LIMIT 1",
  );
  isDone = true;
  expect(turns).toBeGreaterThan(1);
});
