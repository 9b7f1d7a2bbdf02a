/** Options of `pubsub dev`, and of `pubsub start`, which is the same in the background. */
import type { Command } from "commander";
import { wholeNumber } from "../option-parsers.ts";
import { type PrefixedHookOptions, addHookOptions } from "./hook-options.ts";
import { type ServerCommandOptions, addServerOptions } from "./server-command.ts";

export interface DevOptions extends ServerCommandOptions, PrefixedHookOptions {
  allowAnonymous?: boolean;
  namespace?: string;
  broker?: string;
  onPublishUrl?: string;
  service?: string[];
  inspectorPort?: number;
}

export const DEFAULT_NAMESPACE = "local";
export const DEFAULT_BROKER = "dev";

export function addDevOptions(command: Command): void {
  addServerOptions(command);
  command
    .option("--allow-anonymous", "let clients without credentials in, from this machine only")
    .option("--ns, --namespace <name>", `namespace to work in (default: ${DEFAULT_NAMESPACE})`)
    .option("--broker <name>", `broker to work with (default: ${DEFAULT_BROKER})`)
    .option("--on-publish-url <url>", "HTTP endpoint that sees every message before subscribers do");
  addHookOptions(command, "hook-");
  command
    .option(
      "--service <path>",
      "a further Worker, to which service bindings of the first lead; may be given several times",
      (path: string, others: readonly string[] | undefined) => [...(others ?? []), path],
    )
    .option(
      "--inspector-port <port>",
      "let a debugger connect to the Worker; 0 picks a free port",
      wholeNumber("--inspector-port", 0, 65_535),
    );
}
