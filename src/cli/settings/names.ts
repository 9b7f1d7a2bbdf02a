/** Which namespace and broker a command means: the one named, the configured one, or the only one there is. */
import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { UserError } from "../../errors.ts";

/** Options of commands on a broker. */
export interface BrokerOptions {
  namespace?: string;
  broker?: string;
}

export function addNamespaceOption(command: Command): void {
  command.option("--ns, --namespace <name>", "namespace of the broker");
}

/** For commands that take something of the broker as an argument. */
export function addBrokerOptions(command: Command): void {
  command.option("--broker <name>", "name of the broker (default: the configured one, or the only one there is)");
  addNamespaceOption(command);
}

/** For commands that take the broker as an argument, as wrangler's do, and with an option, as ours do. */
export function addBrokerArgument(command: Command): void {
  command.argument("[broker]", "name of the broker (default: the configured one, or the only one there is)");
  command.option("--broker <name>", "the same as an option");
  addNamespaceOption(command);
}

export async function resolveNamespace(context: CommandContext, client: Client, named?: string): Promise<string> {
  const configured = named ?? context.settings.namespace;
  if (configured !== undefined) return checkName(configured, "namespace");
  const namespaces = await client.listNamespaces();
  return theOnlyOne(namespaces, "namespace", "--namespace", "pubsub namespace create NAME");
}

export async function resolveBroker(
  context: CommandContext,
  client: Client,
  options: BrokerOptions,
  argument?: string,
): Promise<{ namespace: string; broker: string }> {
  if (argument !== undefined && options.broker !== undefined && argument !== options.broker) {
    throw usageError(`the broker is named twice: ${argument} and ${options.broker}`);
  }
  const namespace = await resolveNamespace(context, client, options.namespace);
  const named = argument ?? options.broker;
  const configured = named ?? context.settings.broker;
  if (configured !== undefined) return { namespace, broker: checkName(configured, "broker") };
  const brokers = await client.listBrokers({ namespace });
  return {
    namespace,
    broker: theOnlyOne(brokers, "broker", "--broker", `pubsub broker create NAME --namespace ${namespace}`),
  };
}

function theOnlyOne(found: readonly { name: string }[], what: string, option: string, create: string): string {
  const [first, second] = found;
  if (!first) throw new UserError("not-found", `there is no ${what} yet`, `create one with \`${create}\``);
  if (!second) return first.name;
  const names = found.slice(0, 10).map(({ name }) => name);
  throw usageError(
    `there are several ${what}s: ${names.join(", ")}${found.length > 10 ? ", …" : ""}`,
    `choose one with ${option}`,
  );
}

/** RFC 1035 labels, as the server has them; said here already, because names are part of URLs. */
export function checkName(name: string, what: string): string {
  if (/^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(name)) return name;
  throw usageError(
    `"${name}" cannot be the name of a ${what}`,
    "names are letters, digits and hyphens, begin with a letter, do not end with a hyphen, and have at most 63 characters",
  );
}
