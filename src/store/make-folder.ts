import { mkdir, stat } from "node:fs/promises";
import path from "node:path";

/**
 * Makes a folder that only its owner may read, and those above it that are missing. Node's `recursive` of version 20 never
 * comes back where a file system refuses new folders with ENOENT, as /proc does.
 */
export async function makeFolder(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined))?.isDirectory()) return;
  const parent = path.dirname(folder);
  if (parent !== folder) await makeFolder(parent);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    // Somebody else was first. Anything else that has the name is told by who uses it.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
