/** Work on a data folder that no server uses meanwhile. */
import { stat } from "node:fs/promises";
import { UserError } from "../../errors.ts";
import { lockFolder } from "../folder-lock.ts";
import { makeFolder } from "../make-folder.ts";

/**
 * Locks a data folder while `work` runs.
 * @throws {UserError} `no-data` where there is no such folder; `data-folder-in-use`; `data-folder-unusable`
 */
export async function inDataFolder<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new UserError("no-data", `there is no data folder ${folder}`, "--persist-to names the folder of a server");
  }
  return await locked(folder, work);
}

/** The same for a folder that is made where it does not exist. */
export async function inNewDataFolder<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  try {
    await makeFolder(folder);
  } catch (error) {
    throw unusable(folder, error);
  }
  return await locked(folder, work);
}

async function locked<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const unlock = await lockFolder(folder).catch((error: unknown) => {
    throw error instanceof UserError ? error : unusable(folder, error);
  });
  try {
    return await work();
  } catch (error) {
    // What the system says, such as EACCES or ENOSPC; anything else is a mistake of ours.
    throw typeof (error as NodeJS.ErrnoException).syscall === "string" ? unusable(folder, error) : error;
  } finally {
    await unlock();
  }
}

function unusable(folder: string, cause: unknown): UserError {
  const message = `cannot use the data folder ${folder}: ${(cause as Error).message}`;
  return new UserError("data-folder-unusable", message, "it must be a folder that you may write to", { cause });
}
