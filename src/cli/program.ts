/** The commander program: everything that help and parsing need, with commands that load when they are called. */
import { Command, Help, Option } from "commander";
import type { CommandModule } from "./command.ts";
import { exitCodeMeanings } from "./exit-codes.ts";
import { type CommandEntry, groups, registry } from "./registry.ts";
import { version } from "./version.ts";

/** Options of every command. */
export interface GlobalOptions {
  json?: boolean;
  quiet?: boolean;
  color?: boolean;
  input?: boolean;
  apiUrl?: string;
  apiToken?: string;
  accountId?: string;
}

/** Called with the command that the user meant, when its options and arguments are known. */
export type Execute = (
  module: CommandModule,
  args: readonly unknown[],
  options: object & GlobalOptions,
) => Promise<void>;

export interface ProgramStreams {
  writeOut(text: string): void;
  writeErr(text: string): void;
  /** Columns to wrap help at. */
  helpWidth?: number;
}

const GLOBAL_GROUP = "Global options:";

const rootHelp = {
  before: `Examples:
  pubsub dev                       start a local broker and its API
  pubsub sub '#'                   print every message
  pubsub pub hello world           publish "world" on the topic "hello"
  pubsub tail                      see every message, and what the hook did with it
  pubsub broker update dev --on-publish-url http://127.0.0.1:8787/
`,
  after: `
Exit codes:
${exitCodeMeanings.map(([code, meaning]) => `  ${code.padEnd(8)}  ${meaning}\n`).join("")}
Environment:
  PUBSUB_API_URL, PUBSUB_API_TOKEN, PUBSUB_ACCOUNT_ID     which server
  PUBSUB_NAMESPACE, PUBSUB_BROKER                         what on it
  PUBSUB_URL, PUBSUB_TOKEN, PUBSUB_CLIENT_ID              how pub and sub connect
  PUBSUB_CONFIG_DIR, FORCE_COLOR, NO_COLOR
  A flag wins over the environment, that over pubsub.jsonc or pubsub.toml of the
  project, that over what \`pubsub dev\` remembered: \`pubsub config explain\`.`,
};

/**
 * Builds the program anew: commander keeps what it parsed.
 * @param argv where it begins with the name of a command, the others are left out: nobody asks for them
 */
export function createProgram(execute: Execute, streams: ProgramStreams, argv: readonly string[]): Command {
  const program = new Command("pubsub");
  program
    .description(
      "Programmable MQTT messaging on your machine: a broker, its management API, and what to see them with.",
    )
    .usage("<command> [options]")
    .version(version, "-V, --version", "print the version")
    .addHelpText("before", rootHelp.before)
    .addHelpText("after", rootHelp.after);
  prepare(program, streams);

  const groupCommands = new Map<string, Command>();
  for (const entry of entriesFor(argv[0])) {
    const [first = "", second] = entry.path.split(" ");
    if (second === undefined) {
      addCommand(program, first, entry);
      continue;
    }
    let group = groupCommands.get(first);
    if (!group) {
      group = program
        .command(first)
        .description(groups[first] ?? "")
        .usage("<command> [options]");
      prepare(group, streams);
      groupCommands.set(first, group);
    }
    addCommand(group, second, entry);
  }

  const load = async (_parent: Command, command: Command) => {
    const entry = entryOf.get(command);
    if (entry) configureCommand(command, (await entry.load()).default, execute);
  };
  for (const command of [program, ...groupCommands.values()]) command.hook("preSubcommand", load);
  return program;
}

function entriesFor(name: string | undefined): readonly CommandEntry[] {
  const called = registry.filter(({ path }) => path.split(" ", 1)[0] === name);
  return called.length > 0 ? called : registry;
}

/** Commands are what people look for; commander puts them after the options. */
function commandsFirst(help: string): string {
  const sections = help.trimEnd().split("\n\n");
  const commands = sections.findIndex((section) => section.startsWith("Commands:"));
  const options = sections.findIndex((section) => /^(Options|Global options):/.test(section));
  if (commands > options && options !== -1) sections.splice(options, 0, ...sections.splice(commands, 1));
  return `${sections.join("\n\n")}\n`;
}

/** `create|list|delete` for a group of commands. */
function verbs(group: Command): string {
  return group
    .createHelp()
    .visibleCommands(group)
    .map((command) => command.name())
    .join("|");
}

const entryOf = new WeakMap<Command, CommandEntry>();

function prepare(command: Command, streams: ProgramStreams): void {
  const { writeOut, writeErr, helpWidth } = streams;
  command
    .helpCommand(false)
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({
      subcommandTerm: (child) => [child.name(), verbs(child)].filter(Boolean).join(" "),
      formatHelp: (child, helper) => commandsFirst(Help.prototype.formatHelp.call(helper, child, helper)),
    })
    .configureOutput({
      writeOut,
      writeErr,
      // Errors are thrown as well; they are shown where all errors are.
      outputError: () => {},
      getOutHelpWidth: () => helpWidth ?? 80,
      getErrHelpWidth: () => helpWidth ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addGlobalOptions(command);
}

function addCommand(parent: Command, name: string, entry: CommandEntry): void {
  const command = parent
    .command(name, { hidden: entry.hidden === true })
    .summary(entry.summary)
    .description(entry.summary);
  entryOf.set(command, entry);
}

/** An example as the user types it: see `CommandDefinition`. */
function exampleLine(example: string): string {
  return example.startsWith("$ ") ? example.slice(2) : `pubsub ${example}`;
}

function configureCommand(command: Command, module: CommandModule, execute: Execute): void {
  module.configure(command);
  addGlobalOptions(command);
  command.addHelpText("before", `Examples:\n${module.examples.map((line) => `  ${exampleLine(line)}\n`).join("")}`);
  command.action(async () => {
    await execute(module, command.processedArgs, gatherOptions(command));
  });
}

/** The command's options, and those that were given before it: `pubsub --json broker list`. Nearer ones win. */
function gatherOptions(command: Command): object & GlobalOptions {
  const options: Record<string, unknown> = { ...command.opts() };
  const decided = new Set(explicitOptions(command).map(([name]) => name));
  for (let ancestor = command.parent; ancestor; ancestor = ancestor.parent) {
    for (const [name, value] of explicitOptions(ancestor)) {
      if (!decided.has(name)) options[name] = value;
      decided.add(name);
    }
  }
  return options;
}

/** The options that were given, without defaults. */
function explicitOptions(command: Command): [name: string, value: unknown][] {
  return Object.entries(command.opts()).filter(([name]) => command.getOptionValueSource(name) !== "default");
}

/** Options that every command has. */
export function globalOptions(quietFlags = "-q, --quiet"): Option[] {
  return [
    new Option("--json", "print JSON, errors too"),
    new Option(quietFlags, "no messages but errors"),
    new Option("--color", "colours even where the output is no terminal"),
    new Option("--no-color", "no colours"),
    new Option("--no-input", "never ask anything"),
    new Option("--api-url <url>", "management API to use"),
    new Option("--api-token <token>", "its token (better: PUBSUB_API_TOKEN)"),
    new Option("--account-id <id>", "account to act for"),
  ];
}

export function addGlobalOptions(command: Command): void {
  // `-q` is the quality of service where messages are published or subscribed to, as in mosquitto's clients.
  const hasShort = command.options.some((option) => option.short === "-q");
  const known = new Set(command.options.map((option) => option.long));
  for (const option of globalOptions(hasShort ? "--quiet" : "-q, --quiet")) {
    if (!known.has(option.long)) command.addOption(option.helpGroup(GLOBAL_GROUP));
  }
}
