/** Keeps two processes from using one data folder. */
import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../errors.ts";

const LOCK_FILE = "lock";
/** Of finding the lock released or replaced between two looks at it. */
const ATTEMPTS_MAX = 10;
/** Processes that died while they took over the lock of one that had died. */
const TAKEOVERS_MAX = 3;

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** Tells a process from a later one with the same pid; undefined where the system does not say. */
  readonly startedAt?: string | undefined;
  /** Different for each lock. */
  readonly nonce: string;
}

/**
 * Locks a folder until `unlock` or the end of this process.
 * @returns a function that unlocks it
 * @throws {UserError} `data-folder-in-use`, naming the process that uses it
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = path.join(folder, LOCK_FILE);
  const nonce = randomUUID();
  const own: Holder = { pid: process.pid, startedAt: (await statOf(process.pid))?.startedAt, nonce };
  const draft = `${file}.${nonce}`;
  // Complete before it becomes the lock, so that nobody reads half of it.
  await writeFile(draft, JSON.stringify(own), { mode: 0o600, flag: "wx" });
  try {
    await acquire(file, draft, folder, TAKEOVERS_MAX);
  } finally {
    await rm(draft, { force: true });
  }
  return () => release(file, nonce);
}

/**
 * A lock of a living process is respected, one of a dead process is replaced. Only the holder of another lock, that for
 * taking over, may replace it: otherwise two that find it at the same time could each throw out the other's new lock.
 */
async function acquire(file: string, draft: string, folder: string, takeoversLeft: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await linkIfAbsent(draft, file)) return;
    const content = await readIfPresent(file);
    if (content === undefined) continue; // It was released just now.
    const holder = parseHolder(content);
    if (holder !== undefined && (await isAlive(holder))) throw inUse(folder, `by the process ${holder.pid}`);
    if (takeoversLeft === 0) break;

    const takeover = `${file}.takeover`;
    await acquire(takeover, draft, folder, takeoversLeft - 1);
    try {
      if ((await readIfPresent(file)) === content) {
        await link(draft, `${draft}.new`);
        await rename(`${draft}.new`, file);
        return;
      }
    } finally {
      await rm(takeover);
    }
  }
  throw inUse(folder, `as ${file} says`);
}

function inUse(folder: string, by: string): UserError {
  return new UserError(
    "data-folder-in-use",
    `${folder} is in use ${by}`,
    "stop it, or choose another folder with --persist-to, or none with --memory",
  );
}

/** A hard link is made by one process only, however many try. */
async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function release(file: string, nonce: string): Promise<void> {
  const content = await readIfPresent(file);
  if (content !== undefined && parseHolder(content)?.nonce === nonce) await rm(file, { force: true });
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** @returns undefined if nobody can hold it: what is not ours to write cannot name a process either */
function parseHolder(content: string): Holder | undefined {
  try {
    const holder = JSON.parse(content) as Holder | null;
    return Number.isSafeInteger(holder?.pid) && holder!.pid > 0 ? holder! : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, startedAt }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const fields = await statOf(pid);
  if (fields === undefined) return true;
  // A zombie has ended, only nobody has asked for its exit status.
  return fields.state !== "Z" && (startedAt === undefined || startedAt === fields.startedAt);
}

/**
 * State and start time (clock ticks since boot) of a process: fields 3 and 22 of proc_pid_stat(5). In a container every
 * server may be process 1, so that the pid alone would find its own predecessor alive.
 * @returns undefined where there is no such file, as on other systems
 */
async function statOf(pid: number): Promise<{ state: string | undefined; startedAt: string | undefined } | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses, and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], startedAt: fields[19] };
  } catch {
    return undefined;
  }
}
