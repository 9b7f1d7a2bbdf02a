/** Options of `pubsub dev`, and of `pubsub start`, which is the same in the background. */
import type { Command } from "commander";
import { type ServerCommandOptions, addServerOptions } from "./server-command.ts";

export interface DevOptions extends ServerCommandOptions {
  allowAnonymous?: boolean;
  namespace?: string;
  broker?: string;
  onPublishUrl?: string;
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
}
