/** What a command is: the one interface between the registry and the files in commands/. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

export interface CommandDefinition<Options extends object> {
  /**
   * What the help starts with: arguments of `pubsub` and, three spaces behind them, what they do where they do not speak
   * for themselves. One that begins with `$ ` is a shell's line as it stands.
   */
  readonly examples: readonly string[];
  /** Adds the arguments, the options and a longer description to the command. */
  configure(command: Command): void;
  /**
   * Does it. Errors are thrown, and become messages and exit codes in one place.
   * @param args as `configure` declared them; variadic ones are arrays
   */
  run(context: CommandContext, args: readonly unknown[], options: Options): Promise<void>;
}

/** A command with its options' type hidden, as the registry sees it. */
export type CommandModule = CommandDefinition<object>;

/** Lets `rewrite` see the command's arguments before they are parsed; what is added later sees them first. */
export function beforeParsing(command: Command, rewrite: (argv: readonly string[]) => string[]): void {
  const parse = command.parseOptions;
  command.parseOptions = (argv) => parse.call(command, rewrite(argv));
}

/** Names the options' type once; commander gives the options that `configure` declared. */
export function defineCommand<Options extends object>(definition: CommandDefinition<Options>): CommandModule {
  return definition;
}
