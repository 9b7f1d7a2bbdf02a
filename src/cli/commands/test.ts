import { type ScenarioResult, readScenarios, runScenario } from "../../testing/scenario/index.ts";
import { UserError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { type TestSuite, writeJunit } from "../output/junit.ts";
import { showOutput } from "../server/dev-worker.ts";
import { readFileOrExplain } from "../settings/secrets.ts";

interface Options {
  filter?: string;
  trace?: boolean;
  junit?: string;
  json?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "test tests/*.yaml",
    "test tests/payments.yaml --trace            and what happened in the broker",
    "test tests/*.yaml --filter cards            only tests with that in their name",
    "test tests/*.yaml --junit results.xml",
  ],

  configure(command) {
    command
      .description(
        "Run tests of a broker together with its hook: files of YAML in which clients connect, publish and expect messages, and in " +
          "which time is advanced by hand. Each test has a broker of its own, in memory. Exit code 7 if one fails. docs/testing.md " +
          "says what stands in such a file.",
      )
      .argument("[files...]", "files with tests")
      .option("--filter <text>", "only tests with this text in their name, in capitals or not")
      .option("--trace", "print what happened in the broker for tests that succeed, too")
      .option("--junit <file>", "write the results there as JUnit XML, too");
  },

  async run(context, [files], options) {
    const { output, signal } = context;
    const named = files as string[];
    if (named.length === 0) throw usageError("no file with tests is named", "such as: pubsub test tests/*.yaml");
    // All are read before one is run: a mistake in the last one should not take that long to be seen.
    const read = await Promise.all(
      named.map(async (file) => readScenarios((await readFileOrExplain(file)).toString("utf8"), file)),
    );
    const wanted = options.filter?.toLowerCase() ?? "";
    const scenarios = read.flat().filter(({ name }) => name.toLowerCase().includes(wanted));
    if (scenarios.length === 0) throw new UserError("not-found", `no test has "${options.filter}" in its name`);
    const results: ScenarioResult[] = [];
    for (const scenario of scenarios) {
      const running = runScenario(scenario, { signal, onWorkerOutput: (said) => showOutput(context, said) });
      const result = await output.spin(scenario.name, running);
      results.push(result);
      show(context, result, options);
    }
    if (options.junit !== undefined) await writeJunit(options.junit, suitesOf(results));
    const failed = results.filter(({ failure }) => failure !== undefined).length;
    const all = `${results.length} test${results.length === 1 ? "" : "s"}`;
    if (failed > 0) throw new UserError("assertion-failed", `${failed} of ${all} failed`);
    output.info(`${all} succeeded`);
  },
});

function show({ output }: CommandContext, { scenario, ms, failure, trace }: ScenarioResult, options: Options): void {
  const { file, name } = scenario;
  if (options.json) {
    const rounded = Math.round(ms);
    void output.line({
      v: 1,
      file,
      name,
      ok: failure === undefined,
      ms: rounded,
      ...(failure && { failure: { ...failure, trace } }),
    });
    return;
  }
  const { green, red, dim } = output.out;
  const verdict = failure === undefined ? green("ok    ") : red("failed");
  void output.write(`${verdict}  ${name}  ${dim(`${Math.round(ms)} ms`)}\n`);
  if (failure !== undefined) void output.write(indented(`${placeOf({ scenario, failure })}${failure.message}`, 2));
  if ((failure !== undefined || options.trace) && trace !== "") {
    void output.write(indented(`what happened:\n${indented(trace, 2)}`, 2));
  }
}

function placeOf({ scenario, failure }: Pick<ScenarioResult, "scenario" | "failure">): string {
  const { line, column } = failure!;
  return `${scenario.file}${line === undefined ? "" : `:${line}:${column}`}: `;
}

function indented(text: string, spaces: number): string {
  return text.trimEnd().replaceAll(/^(?=.)/gm, " ".repeat(spaces)) + "\n";
}

function suitesOf(results: readonly ScenarioResult[]): TestSuite[] {
  const files = [...new Set(results.map(({ scenario }) => scenario.file))];
  return files.map((file) => ({
    name: file,
    cases: results
      .filter(({ scenario }) => scenario.file === file)
      .map(({ scenario, ms, failure, trace }) => ({
        ...{ name: scenario.name, ms },
        failure: failure && {
          message: failure.message,
          text: `${placeOf({ scenario, failure })}${failure.message}\n\n${trace}`,
        },
      })),
  }));
}
