/** What `token revoke` and `token unrevoke` have in common. */
import type { Command } from "commander";
import { usageError } from "../errors.ts";
import { type BrokerOptions, addBrokerArgument } from "./names.ts";
import { collectList } from "../option-parsers.ts";

export interface RevocationOptions extends BrokerOptions {
  jti?: string[];
}

export function configureRevocation(command: Command): void {
  addBrokerArgument(command);
  command.option("--jti <id>", "id of the token (`pubsub token inspect` shows it); may be repeated", collectList);
}

export function requireJtis({ jti = [] }: RevocationOptions): string[] {
  if (jti.length === 0)
    throw usageError("no token is named", "name its id with --jti; `pubsub token inspect` shows it");
  return [...new Set(jti)];
}
