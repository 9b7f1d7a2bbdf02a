/** Where a server that runs in a command keeps its data. */
import { access, constants, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { UserError } from "../../errors.ts";

/** In the current folder. */
export const DEFAULT_DATA_FOLDER = ".pubsub";

export interface DataOptions {
  persistTo?: string;
  memory?: boolean;
  fsync?: FsyncOption;
}

export type FsyncOption = { readonly mode: "always" | "os" } | { readonly mode: "interval"; readonly ms: number };

const FSYNC_INTERVAL_MS_MAX = 60_000;

/** The value of `--fsync`. */
export function parseFsync(text: string): FsyncOption {
  if (text === "always" || text === "os") return { mode: text };
  const ms = Number(/^interval:(\d+)$/.exec(text)?.[1]);
  if (ms >= 1 && ms <= FSYNC_INTERVAL_MS_MAX) return { mode: "interval", ms };
  throw usageError(`--fsync takes always, interval:<ms> (1 to ${FSYNC_INTERVAL_MS_MAX}) or os, not "${text}"`);
}

/**
 * The folder to use, undefined for memory. The default one is made, and keeps itself out of version control.
 * @param mayForget where the default folder cannot be used, go on in memory and say so
 * @throws {UserError} `data-folder-unusable`, for the default folder; others are tried by the server
 */
export async function dataFolder(
  { output }: CommandContext,
  { persistTo, memory, fsync }: DataOptions,
  mayForget: boolean,
): Promise<string | undefined> {
  if (memory) {
    if ((persistTo ?? fsync) !== undefined) throw usageError("--memory goes with neither --persist-to nor --fsync");
    return undefined;
  }
  if (persistTo !== undefined) return path.resolve(persistTo);
  const folder = path.resolve(DEFAULT_DATA_FOLDER);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK);
    await writeFile(path.join(folder, ".gitignore"), "*\n", { flag: "wx" }).catch(ignoreExisting);
    return folder;
  } catch (error) {
    const message = `cannot keep data in ${folder}: ${(error as NodeJS.ErrnoException).code}`;
    const hint = "--persist-to names another folder, --memory keeps nothing";
    if (!mayForget) throw new UserError("data-folder-unusable", message, hint, { cause: error });
    output.warn(`${message}; what happens is kept in memory, and gone at the end`, hint);
    return undefined;
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
