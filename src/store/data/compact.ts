import { openFileJournal } from "../journal/open.ts";
import { inDataFolder } from "./folder.ts";

export interface CompactReport {
  /** Bytes on the disk. */
  readonly before: number;
  readonly after: number;
}

/**
 * Takes out of a folder's journal what is no longer needed, without waiting until it is worth it.
 * @throws {UserError} as `openFileJournal`
 */
export async function compactData(folder: string): Promise<CompactReport> {
  return await inDataFolder(folder, async () => {
    let failure: Error | undefined;
    const store = await openFileJournal(folder, { onFailure: (error) => (failure = error) });
    const { bytes: before } = store.status();
    await store.compact();
    await store.close();
    if (failure !== undefined) throw failure;
    return { before, after: store.status().bytes };
  });
}
