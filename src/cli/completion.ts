/** What could come next on a command line, for the shells' completion. */
import { Command } from "commander";
import { apiErrors } from "../contract/errors.ts";
import type { Client } from "../client/index.ts";
import { readConfiguration } from "./settings/configuration.ts";
import type { CommandContext } from "./context.ts";
import { resolveBroker, resolveNamespace } from "./settings/names.ts";
import { addGlobalOptions, globalOptions } from "./program.ts";
import { dropExplanations } from "./messages/delivery-explanations.ts";
import { type CommandEntry, groups, registry } from "./registry.ts";

export interface Candidate {
  text: string;
  /** For shells that show one. */
  description: string;
}

const NAMES_MAX = 100;

/**
 * @param words those after `pubsub`; the last one is being written, and may be empty
 * @returns what begins with the last word; nothing where only the user knows, or file names are wanted
 */
export async function complete(context: CommandContext, words: readonly string[]): Promise<Candidate[]> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const candidates = await candidatesFor(context, before, current);
  return candidates.filter(({ text }) => text.startsWith(current));
}

async function candidatesFor(
  context: CommandContext,
  before: readonly string[],
  current: string,
): Promise<Candidate[]> {
  const path = positionals(before, new Command());
  const entry = registry.find(({ path: name }) => matchesPath(name, path));
  const command = new Command();
  if (!entry) {
    if (!current.startsWith("-")) return nextWords(path);
    addGlobalOptions(command);
    return optionCandidates(command);
  }
  const { default: module } = await entry.load();
  module.configure(command);
  addGlobalOptions(command);
  const pending = command.options.find(({ short, long }) => before.length > 0 && [short, long].includes(before.at(-1)));
  if (pending?.required) return await valuesOf(context, pending.attributeName(), pending.argChoices, before);
  if (current.startsWith("-")) return optionCandidates(command);
  const index = positionals(before, command).length - entry.path.split(" ").length;
  const argument = command.registeredArguments[index];
  if (!argument) return [];
  return await valuesOf(context, argumentKind(entry, argument.name()), argument.argChoices, before);
}

function matchesPath(name: string, path: readonly string[]): boolean {
  return name.split(" ").every((word, index) => path[index] === word);
}

/** The words that are neither options nor their values. */
function positionals(words: readonly string[], command: Command): string[] {
  const known = [...command.options, ...globalOptions()];
  const takesValue = (word: string) =>
    known.some(({ short, long, required }) => required && [short, long].includes(word));
  return words.filter((word, index) => !word.startsWith("-") && !takesValue(words[index - 1] ?? ""));
}

/** Names of commands: of the group that was named, or the first words of all. */
function nextWords(path: readonly string[]): Candidate[] {
  const visible = registry.filter(({ hidden }) => !hidden);
  if (path.length > 1) return [];
  const [group] = path;
  if (group !== undefined) {
    return visible
      .filter(({ path: name }) => name.startsWith(`${group} `))
      .map(({ path: name, summary }) => ({ text: name.split(" ")[1]!, description: summary }));
  }
  const single = visible.filter(({ path: name }) => !name.includes(" "));
  return [
    ...single.map(({ path: text, summary }) => ({ text, description: summary })),
    ...Object.entries(groups).map(([text, description]) => ({ text, description })),
  ];
}

function optionCandidates(command: Command): Candidate[] {
  return command.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ long, description }) => (long ? [{ text: long, description }] : []));
}

/** Arguments are known by their names; `name` stands for what the group is about. */
function argumentKind(entry: CommandEntry, name: string): string {
  return name === "name" ? entry.path.split(" ")[0]! : name;
}

async function valuesOf(
  context: CommandContext,
  kind: string,
  choices: readonly string[] | undefined,
  before: readonly string[],
): Promise<Candidate[]> {
  if (choices) return choices.map((text) => ({ text, description: "" }));
  if (kind === "context") return namesOf(Object.keys(readConfiguration(context.env).contexts ?? {}));
  if (kind === "code") return namesOf([...Object.keys(dropExplanations), ...Object.keys(apiErrors)]);
  if (!["namespace", "broker", "client"].includes(kind)) return [];
  return namesOf(await liveNames(context, kind, namedBroker(before)));
}

const namesOf = (names: readonly string[]) => names.map((text) => ({ text, description: "" }));

/** Namespace and broker as far as the line names them already. */
function namedBroker(before: readonly string[]): { namespace?: string; broker?: string } {
  const valueAfter = (...flags: string[]) => {
    const index = before.findLastIndex((word) => flags.includes(word));
    return index === -1 ? undefined : before[index + 1];
  };
  const namespace = valueAfter("--ns", "--namespace");
  const broker = valueAfter("--broker");
  return { ...(namespace !== undefined && { namespace }), ...(broker !== undefined && { broker }) };
}

async function liveNames(
  context: CommandContext,
  kind: string,
  named: { namespace?: string; broker?: string },
): Promise<string[]> {
  const client: Client = await context.client();
  if (kind === "namespace") return (await client.listNamespaces()).map(({ name }) => name);
  if (kind === "broker") {
    const namespace = await resolveNamespace(context, client, named.namespace);
    return (await client.listBrokers({ namespace })).map(({ name }) => name);
  }
  const target = await resolveBroker(context, client, named);
  const { sessions } = await client.listSessions({ ...target, limit: NAMES_MAX });
  return sessions.map(({ clientId }) => clientId);
}
