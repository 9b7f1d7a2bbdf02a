import { open, readFile, readdir } from "node:fs/promises";
import path from "node:path";
import type { Random } from "../simulation/random.ts";

/**
 * Does to the journal of a dead server what a power cut may do: of each file the bytes that were not synced are there in part,
 * or not as they were written.
 * @param syncs what record-syncs.mjs noted
 * @returns what it did, a line for each file
 */
export async function cutPower(folder: string, syncs: string, random: Random): Promise<string[]> {
  const synced = new Map<string, number>();
  for (const line of (await readFile(syncs, "utf8")).split("\n")) {
    const [file, bytes] = line.split("\t");
    // The process may have died while it wrote the last line.
    if (line.endsWith("\n") || bytes !== undefined) synced.set(file!, Number(bytes));
  }
  const done: string[] = [];
  // The first start may have ended before there was a journal.
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(".log")) continue;
    const file = path.join(folder, name);
    const what = await cut(file, synced.get(file) ?? 0, random);
    if (what !== undefined) done.push(`${name}: ${what}`);
  }
  return done;
}

async function cut(file: string, synced: number, random: Random): Promise<string | undefined> {
  const handle = await open(file, "r+");
  try {
    const { size } = await handle.stat();
    if (size <= synced) return undefined;
    const from = random.between(synced, size - 1);
    const to = random.between(from + 1, size);
    const way = random.weighted({ shorter: 3, zeros: 1, garbage: 1, hole: 1 });
    if (way === "shorter") await handle.truncate(from);
    else {
      const bytes = Buffer.alloc((way === "hole" ? to : size) - from);
      if (way === "garbage") for (const index of bytes.keys()) bytes[index] = random.below(256);
      await handle.write(bytes, 0, bytes.length, from);
    }
    return `of ${size} bytes, ${synced} synced, ${way} from ${from}${way === "hole" ? ` to ${to}` : ""}`;
  } finally {
    await handle.close();
  }
}
