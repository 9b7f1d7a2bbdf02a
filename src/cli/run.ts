/** Runs one command line in a given world. No process is needed, and none is touched. */
import { CommanderError } from "commander";
import { CommandContext, type World } from "./context.ts";
import { type ErrorReport, ExitError, describeError, usageError } from "./errors.ts";
import { ExitCode } from "./exit-codes.ts";
import { Output } from "./output/output.ts";
import { createProgram } from "./program.ts";
import { openProjectFile } from "./settings/project-file.ts";

/**
 * Parses the arguments (those after the program's name), does what they say and shows what went wrong.
 * @returns the exit code
 */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const program = createProgram(
    async (module, args, options) => {
      const project = await openProjectFile(world.cwd);
      await module.run(new CommandContext(world, options, argv, project), args, options);
    },
    {
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
      helpWidth: Math.min(world.stdout.columns || 80, 100),
    },
    argv,
  );
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return ExitCode.Ok;
    }
    await program.parseAsync(helpAsOption(argv), { from: "user" });
    return ExitCode.Ok;
  } catch (thrown) {
    // What a command stumbles over while it is being ended is a consequence of that.
    const error: unknown = isConsequence(thrown, world.signal) ? world.signal.reason : thrown;
    const report = error instanceof CommanderError ? describeParseError(error) : describeError(error);
    if (report.shown) showError(report, error, argv, world);
    return report.exitCode;
  }
}

function isConsequence(thrown: unknown, { aborted }: AbortSignal): boolean {
  return aborted && !(thrown instanceof CommanderError) && !(thrown instanceof ExitError);
}

/** `pubsub help broker create` is `pubsub broker create --help`. */
function helpAsOption(argv: readonly string[]): string[] {
  return argv[0] === "help" ? [...argv.slice(1), "--help"] : [...argv];
}

/** commander throws to end the program, also after it printed help; what it has to say otherwise is wrong usage. */
function describeParseError(error: CommanderError): ErrorReport {
  // "commander.help" is help in place of a command that is missing.
  const helpOnly = ["commander.helpDisplayed", "commander.version"].includes(error.code);
  const [message = "", suggestion] = inOurWords(error.message).split("\n");
  const {
    code,
    message: text,
    hint,
  } = usageError(message, suggestion?.replace(/^\(|\)$/g, "") ?? "--help shows how it is used");
  return {
    code,
    message: text,
    hint,
    exitCode: helpOnly ? ExitCode.Ok : ExitCode.Usage,
    shown: !helpOnly && error.code !== "commander.help",
  };
}

/** Choices as our own options name them, rather than "command-argument value 'x' is invalid for argument 'shell'". */
function inOurWords(message: string): string {
  const text = message.replace(/^error: /, "");
  const [, flags, option, choices] =
    /^option '(.*)' argument '([^]*)' is invalid\. Allowed choices are (.*)\.$/.exec(text) ?? [];
  if (flags !== undefined) return `${/--[\w-]+/.exec(flags)?.[0] ?? flags} takes ${choices}, not "${option}"`;
  const [, value, argument, allowed] =
    /^command-argument value '([^]*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/.exec(text) ?? [];
  if (argument !== undefined) return `the ${argument} can be ${allowed}, not "${value}"`;
  const [, command, most, count] =
    /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)\.$/.exec(text) ?? [];
  if (command === undefined) return text;
  const many = most === "0" ? "no argument" : most === "1" ? "one argument" : `${most} arguments`;
  return `${command} takes ${many}, and got ${count}\n(text with spaces goes in quotes; --help shows how it is used)`;
}

function showError(report: ErrorReport, error: unknown, argv: readonly string[], world: World): void {
  // The options may be what could not be parsed: look for the two that matter by hand.
  const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  const color = own.includes("--no-color") ? false : own.includes("--color") ? true : undefined;
  const output = new Output(world, world.env, world.signal, { json: own.includes("--json"), quiet: false, color });
  output.error(report);
  if (world.env["PUBSUB_DEBUG"] && error instanceof Error) world.stderr.write(`${error.stack}\n`);
}
