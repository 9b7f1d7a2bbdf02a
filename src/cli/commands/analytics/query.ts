import { Option } from "commander";
import type { CommandContext } from "../../context.ts";
import { defineCommand } from "../../command.ts";
import { usageError } from "../../errors.ts";
import { formatTable, printable } from "../../output/table.ts";
import { readAll, readFileOrExplain } from "../../settings/secrets.ts";

interface Options {
  file?: string;
  format?: string;
}

/** What FORMAT JSON gives. */
interface Answer {
  readonly meta: readonly { readonly name: string; readonly type: string }[];
  readonly data: readonly Readonly<Record<string, unknown>>[];
}

const FORMATS = ["JSON", "JSONEachRow", "TabSeparated"];

export default defineCommand<Options>({
  examples: [
    "analytics query 'SELECT blob1 AS region, SUM(_sample_interval * double1) AS total FROM payments GROUP BY region'",
    "analytics query 'SELECT * FROM payments ORDER BY timestamp DESC LIMIT 10' --json",
    "analytics query --file report.sql --format TabSeparated > report.tsv",
    "analytics query 'SHOW TABLES'",
  ],

  configure(command) {
    command
      .description(
        "Ask what Workers have written with writeDataPoint, in the SQL of Cloudflare's Analytics Engine (docs/analytics.md). " +
          "Prints a table, or what FORMAT in the query or --format says.",
      )
      .argument("[sql]", "the query; - reads it from standard input")
      .option("-f, --file <file>", "the query from a file")
      .addOption(new Option("--format <format>", "print the answer as it comes in this format").choices(FORMATS));
  },

  async run(context, [sql], options) {
    const text = await readQuery(context, sql as string | undefined, options);
    const asItComes = options.format !== undefined || /\bFORMAT\s+\w+\s*;?\s*$/i.test(text);
    const client = await context.client();
    const query = options.format === undefined ? text : `${text.replace(/[;\s]+$/, "")}\nFORMAT ${options.format}`;
    const { text: answer, remarks } = await client.queryAnalytics({ text: query });
    const { output } = context;
    if (asItComes) void output.write(answer.endsWith("\n") ? answer : `${answer}\n`);
    else printAnswer(context, JSON.parse(answer) as Answer);
    if (remarks.length > 0) {
      output.warn(`Cloudflare does not document ${remarks.join(", ")}`, "there the query may be refused");
    }
  },
});

async function readQuery(context: CommandContext, sql: string | undefined, { file }: Options): Promise<string> {
  if (sql !== undefined && file !== undefined) throw usageError("the query is there twice: --file and an argument");
  if (file !== undefined) return String(await readFileOrExplain(file));
  if (sql === undefined) throw usageError("the query is missing", "such as: pubsub analytics query 'SHOW TABLES'");
  return sql === "-" ? String(await readAll(context.stdin, context.signal)) : sql;
}

function printAnswer({ output }: CommandContext, answer: Answer): void {
  const names = answer.meta.map(({ name }) => name);
  const rows = answer.data.map((row) => names.map((name) => cell(row[name])));
  output.document(answer, rows.length === 0 ? "" : formatTable(names.map(printable), rows));
  if (rows.length === 0) output.info("No rows.");
}

function cell(value: unknown): string {
  if (value === null) return "–";
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}
