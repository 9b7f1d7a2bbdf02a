/**
 * Measures Analytics Engine alone: a million points in one dataset, and what queries over them take.
 *
 *   npm run bench -- analytics [points]
 */
import { argv, cpuUsage, memoryUsage } from "node:process";
import { Analytics } from "../src/analytics/index.ts";

const [, , count = "1000000"] = argv;
const POINTS = Number(count);
const BATCH = 10_000;
const ROUNDS = 5;
const NOW_MS = 1_700_100_000_000;

const queries: Readonly<Record<string, string>> = {
  "count()": "SELECT count() FROM d",
  "GROUP BY 7 regions":
    "SELECT blob1 AS region, count() AS n, SUM(_sample_interval * double1) AS s FROM d GROUP BY region",
  "GROUP BY 50,000 users": "SELECT blob2, count(), max(double1) FROM d GROUP BY blob2 ORDER BY blob2 LIMIT 10",
  "GROUP BY 5 minutes and region":
    "SELECT intDiv(toUInt32(timestamp), 300) * 300 AS t, blob1 AS region, SUM(_sample_interval * double1) / SUM(_sample_interval) AS a " +
    "FROM d WHERE timestamp > NOW() - INTERVAL '2' DAY GROUP BY t, region ORDER BY t, a DESC LIMIT 100",
  "quantile by hour":
    "SELECT toStartOfHour(timestamp) AS h, quantileExactWeighted(0.95)(double1, _sample_interval) AS q FROM d GROUP BY h",
  "WHERE … LIKE": "SELECT count() FROM d WHERE blob3 LIKE 'GET /a/%7' AND double1 > 10",
  "the newest 10": "SELECT * FROM d ORDER BY timestamp DESC LIMIT 10",
};

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

const before = memoryUsage().rss;
const analytics = new Analytics({ log: print, now: () => NOW_MS });
const filledAt = performance.now();
for (let from = 0; from < POINTS; from += BATCH) {
  const points = Array.from({ length: Math.min(BATCH, POINTS - from) }, (_, index) => {
    const n = from + index;
    return {
      timestamp: NOW_MS / 1000 - Math.floor((POINTS - n) / 10),
      index: `customer-${n % 1000}`,
      blobs: [`region-${n % 7}`, `user-${(n * 7919) % 50_000}`, `GET /${"abcde"[n % 5]}/${n % 100}`],
      doubles: [((n * 31) % 977) / 10, n],
    };
  });
  await analytics.write("d", points);
}
const filledMs = performance.now() - filledAt;
print(`${POINTS} points in ${Math.round(filledMs)} ms, ${Math.round((memoryUsage().rss - before) / 1024 / 1024)} MB`);
for (const [name, query] of Object.entries(queries)) {
  const times: number[] = [];
  const cpu = cpuUsage();
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    const answer = await analytics.query(query);
    if ("refused" in answer) throw new Error(answer.refused);
    times.push(performance.now() - startedAt);
  }
  const [least, , middle] = times.toSorted((a, b) => a - b);
  const { user, system } = cpuUsage(cpu);
  const cpuMs = (user + system) / 1000 / ROUNDS;
  print(
    `${name.padEnd(32)} median ${middle!.toFixed(0).padStart(5)} ms, best ${least!.toFixed(0).padStart(5)} ms, CPU ${cpuMs.toFixed(0).padStart(5)} ms`,
  );
}
