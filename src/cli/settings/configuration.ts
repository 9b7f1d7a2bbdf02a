/**
 * The user's configuration file: which servers there are and which one is meant. Written through `conf` (atomic,
 * readable by the user only); read directly, because loading `conf` takes longer than most commands.
 */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { UserError } from "../../errors.ts";
import { rememberSignalHandlers } from "../../signal-handlers.ts";
import type { ServerAddresses } from "./server-addresses.ts";
import type { Environment } from "../environment.ts";

/** A server that the user works with, and what to take where nothing else is named. */
export interface ServerContext extends ServerAddresses {
  namespace: string;
  broker: string;
  /** Process that serves it. */
  pid?: number;
}

export interface Configuration {
  /** Name of the context that is meant where none is named. */
  current?: string;
  contexts?: Record<string, ServerContext>;
}

/** The folder of the configuration file: as XDG and the platforms have it, unless PUBSUB_CONFIG_DIR names another. */
export function configurationFolder(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (env["PUBSUB_CONFIG_DIR"]) return path.resolve(env["PUBSUB_CONFIG_DIR"]);
  const home = env["HOME"] || env["USERPROFILE"] || homedir();
  if (platform === "win32")
    return path.join(env["APPDATA"] || path.join(home, "AppData", "Roaming"), "pubsub", "Config");
  if (env["XDG_CONFIG_HOME"]) return path.join(env["XDG_CONFIG_HOME"], "pubsub");
  if (platform === "darwin") return path.join(home, "Library", "Preferences", "pubsub");
  return path.join(home, ".config", "pubsub");
}

export function configurationFile(env: Environment): string {
  return path.join(configurationFolder(env), "config.json");
}

/**
 * @returns an empty configuration where there is no file yet
 * @throws {UserError} `config-invalid` where the file is not one of ours
 */
export function readConfiguration(env: Environment): Configuration {
  const file = configurationFile(env);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new UserError(
      "config-unreadable",
      `cannot read the configuration ${file} (${code})`,
      "check its permissions",
    );
  }
  return checkConfiguration(text, file);
}

function checkConfiguration(text: string, file: string): Configuration {
  const hint = "mend the file or delete it; `pubsub dev` writes it anew";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message.split("\n", 1)[0] : "";
    throw new UserError("config-invalid", `the configuration ${file} is not JSON: ${detail}`, hint);
  }
  if (!isObject(value)) throw new UserError("config-invalid", `the configuration ${file} is not a JSON object`, hint);
  const { current, contexts } = value;
  const contextsFit =
    contexts === undefined ||
    (isObject(contexts) && Object.values(contexts).every((context) => isServerContext(context)));
  if (!contextsFit || (current !== undefined && typeof current !== "string")) {
    throw new UserError("config-invalid", `the configuration ${file} does not have the form that pubsub writes`, hint);
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isServerContext(value: unknown): boolean {
  const fields = ["api", "apiToken", "accountId", "mqtt", "ws", "namespace", "broker"];
  return isObject(value) && fields.every((field) => typeof value[field] === "string");
}

/** The context that is meant where none is named. */
export function currentContext(configuration: Configuration): ServerContext | undefined {
  return configuration.contexts?.[configuration.current ?? ""];
}

/** Remembers a server under a name and makes it the one that is meant. */
export async function rememberContext(env: Environment, name: string, context: ServerContext): Promise<void> {
  const { contexts } = readConfiguration(env);
  await writeConfiguration(env, { current: name, contexts: { ...contexts, [name]: context } });
}

/** Replaces what is remembered. */
export async function writeConfiguration(env: Environment, { current, contexts }: Configuration): Promise<void> {
  const takeAwayNew = rememberSignalHandlers();
  const { default: Conf } = await import("conf");
  takeAwayNew();
  const store = new Conf<Required<Configuration>>({
    projectName: "pubsub",
    projectSuffix: "",
    cwd: configurationFolder(env),
    // It holds tokens.
    configFileMode: 0o600,
    accessPropertiesByDotNotation: false,
  });
  store.set({ current: current ?? "", contexts: contexts ?? {} });
}
