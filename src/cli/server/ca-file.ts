/** Where the certificate of the local authority is. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import { configurationFolder } from "../settings/configuration.ts";
import type { CommandContext } from "../context.ts";

export interface CaOptions {
  persistTo?: string;
}

export function addCaOptions(command: Command): void {
  command.option("--persist-to <folder>", "that of a server with this data folder (default: of the server in use)");
}

/**
 * The path, of the named data folder, the server in use, or the user's configuration.
 * @throws {UserError} `not-found` where there is no certificate yet
 */
export function findCaFile({ settings, env }: CommandContext, { persistTo }: CaOptions): string {
  const ofFolder = (folder: string) => path.join(folder, "ca", "ca.pem");
  const used = settings.context?.ca;
  const isThere = used !== undefined && existsSync(used);
  const file =
    persistTo !== undefined ? ofFolder(path.resolve(persistTo)) : isThere ? used : ofFolder(configurationFolder(env));
  if (existsSync(file)) return file;
  throw new UserError(
    "not-found",
    `there is no certificate authority yet: ${file} is missing`,
    "`pubsub dev` makes one",
  );
}
