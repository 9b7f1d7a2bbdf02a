/** A catalogue in one file of a folder. It holds private keys, so only its owner may read it. */
import { open, readFile, readdir, rename } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../errors.ts";
import type { Catalogue } from "./catalogue.ts";
import { lockFolder } from "./folder-lock.ts";
import { segmentNumber } from "./journal/format.ts";
import { JOURNAL_FOLDER } from "./journal/open.ts";
import { makeFolder } from "./make-folder.ts";
import { parseState } from "./parse-state.ts";
import { PersistentCatalogue, newId } from "./persistent-catalogue.ts";
import { type CatalogueState, emptyState, serializeState } from "./state.ts";

const FILE = "catalogue.json";

/**
 * Opens the catalogue in a folder, which is made where it does not exist. The folder is locked until `close`.
 * @param options `now`: UNIX milliseconds
 * @throws {UserError} `data-folder-in-use`, `catalogue-unreadable` (the file is left as it is), `catalogue-missing`, `data-folder-unusable`
 */
export async function openFileCatalogue(folder: string, options: { now?: () => number } = {}): Promise<Catalogue> {
  const unlock = await prepareFolder(folder);
  try {
    const present = await readCatalogue(folder);
    if (present === undefined) await refuseJournalAlone(folder);
    const state = present ?? emptyState(newId());
    // The account's id has to be the same next time, even if nothing is created until then.
    if (present === undefined) await writeCatalogue(folder, state);
    return new PersistentCatalogue(state, {
      persist: (next) => writeCatalogue(folder, next),
      now: options.now ?? Date.now,
      onClose: unlock,
    });
  } catch (error) {
    await unlock();
    throw error instanceof UserError ? error : unusable(folder, error);
  }
}

/**
 * @returns undefined where there is none
 * @throws {UserError} `catalogue-unreadable`
 */
export async function readCatalogue(folder: string): Promise<CatalogueState | undefined> {
  const file = path.join(folder, FILE);
  const text = await readIfPresent(file);
  if (text === undefined) return undefined;
  return parseState(text, file);
}

/** The journal without its catalogue would be that of brokers that are deleted, and be emptied. */
async function refuseJournalAlone(folder: string): Promise<void> {
  const names = await readdir(path.join(folder, JOURNAL_FOLDER)).catch(() => []);
  if (!names.some((name) => segmentNumber(name) !== undefined)) return;
  throw new UserError(
    "catalogue-missing",
    `${folder} has a journal, but no ${FILE}: an import was not finished, or the file is lost`,
    "import again into a new folder, or put the file back from a copy of the folder",
  );
}

async function prepareFolder(folder: string): Promise<() => Promise<void>> {
  try {
    await makeFolder(folder);
    return await lockFolder(folder);
  } catch (error) {
    throw error instanceof UserError ? error : unusable(folder, error);
  }
}

function unusable(folder: string, cause: unknown): UserError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new UserError(
    "data-folder-unusable",
    `cannot use the data folder ${folder}: ${code ?? message}`,
    "it must be a folder that you may write to",
    { cause },
  );
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whatever happens on the way, the file has its old content or its new one. */
export async function writeCatalogue(folder: string, state: CatalogueState): Promise<void> {
  const file = path.join(folder, FILE);
  const draft = `${file}.tmp`;
  const handle = await open(draft, "w", 0o600);
  try {
    await handle.writeFile(serializeState(state));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  await syncFolder(folder);
}

/** Makes the renaming itself durable. Windows has no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
