/** `pubsub.jsonc` or `pubsub.toml` of a project: which server, namespace and broker its folder works with. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { UserError } from "../../errors.ts";

/** Settings of a project. Tokens have no place in it: it is kept with the source. */
export interface ProjectFile {
  /** Its path. */
  file: string;
  settings: Partial<Record<ProjectSetting, string>>;
}

const SETTINGS = ["apiUrl", "accountId", "namespace", "broker"] as const;
export type ProjectSetting = (typeof SETTINGS)[number];

const NAMES = ["pubsub.jsonc", "pubsub.toml"];

/**
 * The file of the folder, or of the nearest one above it that has one.
 * @throws {UserError} `config-invalid` where it is not what it has to be
 */
async function findProjectFile(folder: string): Promise<ProjectFile | undefined> {
  for (let current = path.resolve(folder); ; current = path.dirname(current)) {
    for (const name of NAMES) {
      const file = path.join(current, name);
      const text = readIfThere(file);
      if (text !== undefined) return { file, settings: checkSettings(file, await parse(file, text)) };
    }
    if (current === path.dirname(current)) return undefined;
  }
}

/**
 * Finds and reads it. What is wrong with it is thrown when it is asked for: some commands have no use for it, and help to
 * mend it.
 */
export async function openProjectFile(folder: string): Promise<() => ProjectFile | undefined> {
  try {
    const project = await findProjectFile(folder);
    return () => project;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new UserError("config-unreadable", `cannot read ${file} (${code})`, "check its permissions");
  }
}

async function parse(file: string, text: string): Promise<Record<string, unknown>> {
  if (file.endsWith(".toml")) return await parseToml(file, text);
  let value: unknown;
  try {
    value = JSON.parse(withoutComments(text));
  } catch (error) {
    throw invalid(file, `it is not JSON: ${(error as Error).message.split("\n", 1)[0]}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(file, "it is not a JSON object");
  return value as Record<string, unknown>;
}

/** JSON with comments, and commas behind the last member, as plain JSON. */
function withoutComments(text: string): string {
  const plain = text.replaceAll(
    /("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, quoted?: string) => quoted ?? " ",
  );
  return plain.replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, quoted?: string) => quoted ?? "");
}

async function parseToml(file: string, text: string): Promise<Record<string, unknown>> {
  const { TomlError, parse } = await import("smol-toml");
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [what] = error.message.replace(/^Invalid TOML document: /, "").split("\n", 1);
    throw invalid(file, `line ${error.line} is no TOML: ${what}`, 'such as namespace = "shop"');
  }
}

function checkSettings(file: string, values: Record<string, unknown>): ProjectFile["settings"] {
  for (const [name, value] of Object.entries(values)) {
    if (name === "$schema") continue;
    if (/token|password|secret/i.test(name)) {
      throw invalid(file, `${name} is a secret`, "secrets go into the environment: PUBSUB_API_TOKEN, PUBSUB_TOKEN");
    }
    if (!SETTINGS.some((each) => each === name)) {
      throw invalid(file, `there is no setting "${name}"`, `there are ${SETTINGS.join(", ")}`);
    }
    if (typeof value !== "string" || value === "") throw invalid(file, `${name} is not a text`);
  }
  return values;
}

function invalid(file: string, what: string, hint = 'such as {"namespace": "shop", "broker": "orders"}'): UserError {
  return new UserError("config-invalid", `${file}: ${what}`, hint);
}
