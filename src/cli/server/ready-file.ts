/** Tells other programs that the server is ready, and where: `pubsub dev --ready-file`. */
import { readFileSync } from "node:fs";
import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../errors.ts";
import type { ServerAddresses } from "../settings/server-addresses.ts";

/** Where the server is. `v` changes when a field changes its meaning or goes away. */
export interface ReadyServer extends ServerAddresses {
  v: 1;
  pid: number;
  /** Path of the Unix socket, if there is one. */
  socket?: string;
}

/** Everything that a program needs to work with the server of `pubsub dev`. */
export interface ReadyObject extends ReadyServer {
  namespace: string;
  broker: string;
  clientId: string;
  clientToken: string;
}

/** Whoever sees the file sees all of it. Only its owner can read it: it holds tokens. */
export async function writeReadyFile(file: string, ready: ReadyServer): Promise<void> {
  const temporary = `${file}.${ready.pid}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify(ready)}\n`, { mode: 0o600 });
    // A file that was there before keeps its mode otherwise.
    await chmod(temporary, 0o600);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      "file-unwritable",
      `cannot write the ready file ${path.resolve(file)} (${code})`,
      "is there such a folder, and may it be written to?",
      { cause: error },
    );
  }
}

/** @returns undefined where there is none yet */
export function readReadyFile(file: string): ReadyServer | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  try {
    const ready = JSON.parse(text) as Partial<ReadyServer>;
    if (typeof ready.api === "string" && typeof ready.pid === "number") return ready as ReadyServer;
  } catch {
    // Said below.
  }
  throw new UserError("ready-file-invalid", `${file} is no ready file of pubsub`, "name the one of --ready-file");
}

/** Removes it, unless another process has written its own meanwhile. */
export async function removeReadyFile(file: string, pid: number): Promise<void> {
  try {
    const { pid: owner } = JSON.parse(await readFile(file, "utf8")) as Partial<ReadyServer>;
    if (owner === pid) await rm(file, { force: true });
  } catch {
    // It is gone already.
  }
}
