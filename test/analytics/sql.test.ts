import { describe, expect, test } from "vitest";
import type { Point } from "../../src/analytics/point.ts";
import { SqlError, describeSqlError } from "../../src/analytics/sql/index.ts";
import { ask } from "./oracle/ask.ts";

const T0 = Date.UTC(2025, 9, 27, 16, 55, 25) / 1000;
const points: Point[] = [
  { timestamp: T0, index: "a", blobs: ["Seattle", "USA"], doubles: [25, 0.5] },
  { timestamp: T0 + 60, index: "a", blobs: ["Seattle", "USA"], doubles: [27, 0.7] },
  { timestamp: T0 + 3600, index: "b", blobs: ["Lisboa"], doubles: [19, 0.6] },
  { timestamp: T0 + 7200, index: "b", blobs: ["Ōsaka", "日本"], doubles: [-3, 0.9] },
];

/** Rows as arrays. */
function rows(query: string): unknown[][] {
  const { meta, data } = JSON.parse(ask(query, points)) as {
    meta: { name: string }[];
    data: Record<string, unknown>[];
  };
  return data.map((row) => meta.map(({ name }) => row[name]));
}

/** The one value of a query. */
function value(expression: string): unknown {
  return rows(`SELECT ${expression} AS x`)[0]![0];
}

function failure(query: string): string {
  try {
    ask(query, points);
  } catch (error) {
    if (error instanceof SqlError) return describeSqlError(error, query);
    throw error;
  }
  throw new Error(`answered: ${query}`);
}

// https://developers.cloudflare.com/analytics/analytics-engine/sql-reference/
test.each([
  ["toYear(toDateTime('2025-10-27 00:00:00'))", 2025],
  ["toDayOfWeek(toDateTime('2025-11-02 00:00:00'))", 7],
  ["toHour(toDateTime('2025-10-27 09:11:13'))", 9],
  ["toYYYYMM(toDateTime('2025-10-27 16:55:25'))", 202510],
  ["toStartOfFifteenMinutes(toDateTime('2025-10-27 16:55:25'))", "2025-10-27 16:45:00"],
  ["toStartOfTenMinutes(toDateTime('2025-10-27 16:55:25'))", "2025-10-27 16:50:00"],
  ["toStartOfHour(toDateTime('2025-10-27 16:55:25'))", "2025-10-27 16:00:00"],
  ["toStartOfWeek(toDateTime('2025-10-29 00:00:00'))", "2025-10-27"],
  ["toDateTime(355924804)", "1981-04-12 12:00:04"],
  ["toDateTime('355924804')", "1981-04-12 12:00:04"],
  ["formatDateTime(toDateTime('2022-12-01 16:17:00', 'America/New_York'), '%Y-%m-%d %H', 'Etc/UTC')", "2022-12-01 21"],
  ["extract(SECOND from toDateTime('2022-06-06 11:30:15'))", 15],
  ["if(21 > 20, 'It is warm', 'Bring a jumper')", "It is warm"],
  ["bitAnd(1, 3)", 1],
  ["bitShiftLeft(128, 1)", 0],
  ["bitRotateRight(1, 1)", 128],
  ["round(5.5)", 6],
  ["round(3.14, 1)", 3.1],
  ["ceil(3.14, 1)", 3.2],
  ["length('日本')", "2"],
  ["position(':' IN 'hello: world')", "6"],
  ["substring('hello: world', 1, position(':' IN 'hello: world')-1)", "hello"],
  ["hex('abc')", "616263"],
  ["bin(1)", "00000001"],
  ["format('blob1: {}', 'x')", "blob1: x"],
  ["upper('ärger')", "äRGER"],
  ["upperUTF8('ärger')", "ÄRGER"],
  ["toDateTime('2025-03-30 00:00:00', 'Europe/Berlin') + INTERVAL '1' DAY", "2025-03-31 00:00:00"],
  ["18446744073709551615", "18446744073709551615"],
  ["18446744073709551615 + 1", "0"],
  ["1 / 0", null],
  ["-7 % 3", -1],
  ["intDiv(-7, 2)", -3],
  ["0.1 + 0.2", 0.30000000000000004],
  ["coalesce(NULL, 'x')", "x"],
  ["NULL = 1", null],
  ["'a_b%' LIKE 'a\\_b\\%'", 1],
  ["'abc' ILIKE '_B%'", 1],
  ["'-- no comment' /* a comment */", "-- no comment"],
])("%s", (expression, expected) => {
  expect(value(expression)).toEqual(expected);
});

describe("queries", () => {
  test("the documentation's: average humidity where it is warm", () => {
    const query = `SELECT blob1 AS city, SUM(_sample_interval * double2) / SUM(_sample_interval) AS avg_humidity
      FROM t WHERE double1 > 0 GROUP BY city ORDER BY avg_humidity DESC LIMIT 10`;
    expect(rows(query)).toEqual([
      ["Seattle", 0.6],
      ["Lisboa", 0.6],
    ]);
  });

  test("the documentation's of 2022: labels, metrics, datetime, a comma too many", () => {
    const query = `SELECT intDiv(datetime, 300) * 300 as t, label_1 as city, avg(metric_2) as avg_humidity,
      FROM t WHERE dataset = 't' AND timestamp >= now() - 864000000 AND metric_1 > 0
      GROUP BY t, city ORDER BY t, avg_humidity desc`;
    expect(rows(query)).toHaveLength(2);
  });

  test("the first value in an order without groups", () => {
    expect(rows("SELECT first_value(blob1) FROM t ORDER BY double1 ASC")).toEqual([["Ōsaka"]]);
    expect(rows("SELECT last_value(blob1) AS x FROM t ORDER BY timestamp ASC")).toEqual([["Ōsaka"]]);
  });

  test("aggregates with two pairs of parentheses, and of nothing", () => {
    expect(rows("SELECT topK(1)(blob1), quantileExactWeighted(0.5)(double1, _sample_interval) FROM t")).toEqual([
      [["Seattle"], 19],
    ]);
    const nothing = "FROM t WHERE double1 > 100";
    expect(
      rows(`SELECT count(), sum(double1), avg(double1), min(blob1), topK(blob1), max(timestamp) ${nothing}`),
    ).toEqual([["0", 0, null, "", [], "1970-01-01 00:00:00"]]);
    expect(rows(`SELECT count() ${nothing} GROUP BY blob1`)).toEqual([]);
  });

  test("a subquery, HAVING, numbers in GROUP BY and ORDER BY, OFFSET", () => {
    const inner = "SELECT blob1 AS city, count() AS n FROM t GROUP BY 1 HAVING n >= 1";
    expect(rows(`SELECT city FROM (${inner}) ORDER BY n DESC, 1 LIMIT 2 OFFSET 1`)).toEqual([["Lisboa"], ["Ōsaka"]]);
  });

  test("* has Cloudflare's columns and not those of 2022", () => {
    const { meta } = JSON.parse(ask("SELECT * FROM t LIMIT 1", points)) as { meta: { name: string; type: string }[] };
    expect(meta).toHaveLength(44);
    expect(meta.slice(0, 5)).toEqual([
      { name: "dataset", type: "String" },
      { name: "timestamp", type: "DateTime" },
      { name: "_sample_interval", type: "UInt32" },
      { name: "index1", type: "String" },
      { name: "blob1", type: "String" },
    ]);
  });

  test("formats", () => {
    const query =
      "SELECT blob1 AS c, toUInt32(double1) AS n, count() AS k FROM t WHERE blob2 = 'USA' GROUP BY c, n ORDER BY n";
    expect(ask(`${query} FORMAT JSONEachRow`, points)).toBe(
      '{"c":"Seattle","n":25,"k":"1"}\n{"c":"Seattle","n":27,"k":"1"}\n',
    );
    expect(ask(`${query} FORMAT TabSeparated`, points)).toBe("Seattle\t25\t1\nSeattle\t27\t1\n");
    expect(ask("SELECT 'a\tb' AS x, NULL AS n, 1/0 AS i FORMAT TabSeparated", points)).toBe("a\\tb\t\\N\tinf\n");
    expect(ask("SELECT 1 AS x;", points)).toBe(
      '{"meta":[{"name":"x","type":"UInt8"}],"data":[{"x":1}],"rows":1,"rows_before_limit_at_least":1}',
    );
    expect(ask("SHOW TIMEZONE FORMAT TabSeparated", points)).toBe("Etc/UTC\n");
  });
});

describe("errors name place and remedy", () => {
  test.each([
    ["SELECT cuont() FROM t", /no function cuont \(line 1, column 8\)[^]*is it count\?/],
    ["SELECT blob1 FROM t GROUP BY blob2", /neither in GROUP BY[^]*add it to GROUP BY/],
    ["SELECT\n  blob21\nFROM t", /no column blob21 \(line 2, column 3\)\n {2}blob21\n {2}\^\nthere are/],
    ["SELECT Blob1 FROM t", /is it blob1\?/],
    ["SELECT 1 FROM nothing", /no dataset nothing[^]*there are t/],
    ["SELECT 1 FROM my-data", /quote names/],
    ["SELECT blob1 = 1 FROM t", /String and UInt8 do not compare/],
    ["SELECT count() FROM t WHERE sum(double1) > 1", /sum has no place here[^]*subquery/],
    ["SELECT sum(sum(double1)) FROM t", /sum has no place here/],
    ["SELECT intDiv(1, 0)", /division by zero/],
    ["SELECT toUInt8('x')", /'x' is no UInt8/],
    ["SELECT 1 FROM t JOIN u", /JOIN is not supported/],
    ["SELECT 'abc", /the quotation does not end/],
    ["SELECT 1 FORMAT CSV", /use JSON, JSONEachRow, TabSeparated/],
    ["SELECT topK(0)(blob1) FROM t", /from 1 to/],
    ["SELECT quantileExactWeighted(double1, 1) FROM t", /such as quantileExactWeighted\(0\.5\)/],
    ["SELECT if(1, 'a', 2)", /different types/],
    ["SELECT substring(1, 2)", /substring takes a string/],
    ["SELECT toStartOfInterval(now(), 5)", /INTERVAL '15' MINUTE/],
    ["SELECT toDateTime(0, 'Mars/Olympus')", /no time zone/],
    ["DROP TABLE t", /queries begin with SELECT or SHOW/],
    ["", /queries begin with SELECT/],
    [`SELECT ${"(".repeat(500)}1${")".repeat(500)}`, /in each other/],
    [`SELECT ${"-(".repeat(5000)}1`, /in each other/],
    [`SELECT 1 AS a0${Array.from({ length: 40 }, (_, i) => `, a${i} + a${i} AS a${i + 1}`).join("")}`, /too large/],
    [`SELECT ${Array.from({ length: 16 }, () => "(SELECT 1").join(" FROM ")}`, /unexpected SELECT/],
  ])("%s", (query, expected) => {
    expect(failure(query)).toMatch(expected);
  });
});

test("patterns take no time in the square of the text", () => {
  const text = "a".repeat(16_000);
  expect(value(`'${text}' LIKE '%a%a%a%a%a%b%'`)).toBe(0);
});
