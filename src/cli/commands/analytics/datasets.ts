import { defineCommand } from "../../command.ts";
import { formatTable, printable } from "../../output/table.ts";
import { formatLocalTime } from "../../output/time-format.ts";

interface Row {
  readonly dataset: string;
  readonly points: string;
  readonly newest: string;
}

/** `analytics_engine` stands for all datasets together. */
const QUERY =
  "SELECT dataset, count() AS points, max(timestamp) AS newest FROM analytics_engine GROUP BY dataset ORDER BY dataset";

export default defineCommand<object>({
  examples: ["analytics datasets", "analytics datasets --json"],

  configure(command) {
    command.description("List the datasets of Analytics Engine that Workers have written points to.");
  },

  async run(context) {
    const client = await context.client();
    const { text } = await client.queryAnalytics({ text: QUERY });
    const { data } = JSON.parse(text) as { data: readonly Row[] };
    const datasets = data.map(({ dataset, points, newest }) => ({
      dataset,
      points: Number(points),
      newest: `${newest.replace(" ", "T")}Z`,
    }));
    const rows = datasets.map(({ dataset, points, newest }) => [
      printable(dataset),
      String(points),
      formatLocalTime(newest),
    ]);
    context.output.document(datasets, rows.length === 0 ? "" : formatTable(["DATASET", "POINTS", "NEWEST"], rows));
    if (rows.length === 0) context.output.info("No dataset yet: one begins with the first point that a Worker writes.");
  },
});
