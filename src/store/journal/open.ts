import path from "node:path";
import { UserError } from "../../errors.ts";
import { FileJournal, type Fsync } from "./file-journal.ts";
import { type JournalFolder, openFolder } from "./files.ts";
import { mend, readJournal } from "./recovery.ts";
import { Space } from "./space.ts";

const SEGMENT_BYTES = 16 * 1024 * 1024;
const SPACE_INTERVAL_MS = 1000;

export interface JournalOptions {
  /** `always` where it is not given. */
  readonly fsync?: Fsync;
  /** A line for people: what was cut off at the start, no room, room again. */
  log?(line: string): void;
  /**
   * Called once when the disk did not keep what was written, or cannot be written to. Nothing is committed afterwards: the
   * process has to end, and a new one to read what is there.
   */
  onFailure(error: Error): void;
  /** A segment that has grown so long is followed by the next. */
  readonly segmentBytes?: number;
  /** Between two looks at the room on the disk. */
  readonly spaceIntervalMs?: number;
}

/** In a data folder. */
export const JOURNAL_FOLDER = "journal";

/** The folder of a data folder's journal. */
export async function journalFolder(dataFolder: string): Promise<JournalFolder> {
  return await openFolder(path.join(dataFolder, JOURNAL_FOLDER));
}

/**
 * Opens the journal of a data folder, which the caller has locked.
 * @throws {UserError} `journal-damaged`, `journal-too-new`, `journal-unreadable`, `data-folder-unusable`
 */
export async function openFileJournal(dataFolder: string, options: JournalOptions): Promise<FileJournal> {
  try {
    return await openJournal(await journalFolder(dataFolder), options);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(
      "data-folder-unusable",
      `cannot use the journal in ${dataFolder}: ${code ?? message}`,
      "it must be a folder that you may write to",
      { cause: error },
    );
  }
}

/** The same in any folder. */
export async function openJournal(folder: JournalFolder, options: JournalOptions): Promise<FileJournal> {
  const { onFailure, log = () => {}, fsync = { mode: "always" }, segmentBytes = SEGMENT_BYTES } = options;
  const recovered = await readJournal(folder);
  await mend(folder, recovered, log);
  const space = new Space(folder, { log, intervalMs: options.spaceIntervalMs ?? SPACE_INTERVAL_MS });
  const journal = new FileJournal({ folder, space, recovered, fsync, segmentBytes, log, onFailure });
  await journal.open();
  return journal;
}
