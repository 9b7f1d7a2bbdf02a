/** What a command is: the one interface between the registry and the files in commands/. */
import type { Command } from "commander";
import type { CommandContext } from "./context.ts";

export interface CommandDefinition<Options extends object> {
  /** What the help starts with: arguments of `pubsub` and, where they do not speak for themselves, what they do. */
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

/** Names the options' type once; commander gives the options that `configure` declared. */
export function defineCommand<Options extends object>(definition: CommandDefinition<Options>): CommandModule {
  return definition;
}
