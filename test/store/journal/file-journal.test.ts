import { spawnSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RecordId } from "../../../src/broker/ports.ts";
import { openFileJournal } from "../../../src/store/index.ts";
import { committed, received, storeSuite } from "../../store-suite.ts";
import { FaultyFolder } from "./faulty-folder.ts";
import { openJournal } from "../../../src/store/journal/open.ts";

let parent: string;

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), "pubsub journal ü-"));
});
afterEach(async () => {
  await rm(parent, { recursive: true });
});

async function filesOf(folder: string): Promise<string[]> {
  return (await readdir(path.join(folder, "journal"))).sort();
}

const onFailure = (error: Error) => {
  throw error;
};

describe("file journal", () => {
  storeSuite(async () => {
    let folder = new FaultyFolder();
    return {
      open: () => openJournal(folder, { onFailure, segmentBytes: 2000 }),
      crash: async () => void (folder = folder.crash("whole")),
      tearLastWrite: async () => void (folder = folder.crash("torn")),
    };
  });
});

test("what a killed process had not synced is safe from power cuts once it was read", async () => {
  const folder = new FaultyFolder();
  const killed = await openJournal(folder, { onFailure, fsync: { mode: "os" } });
  const id = killed.journal("b").add(received(1, 1));
  await committed(killed);
  const left = folder.crash("whole");
  const operations: string[] = [];
  left.before = (operation) => void operations.push(operation);
  const store = await openJournal(left, { onFailure });
  expect([...store.restore("b")]).toEqual([[id, received(1, 1)]]);
  // Its name, too: it may have been made only just now.
  expect(operations).toContain("sync folder");
  const again = await openJournal(left.crash("torn"), { onFailure });
  expect([...again.restore("b")]).toEqual([[id, received(1, 1)]]);
  await again.close();
});

describe("on the disk", () => {
  test.each(["always", "os", "interval"] as const)("is there after closing, with fsync %s", async (mode) => {
    const fsync = mode === "interval" ? ({ mode, ms: 1 } as const) : ({ mode } as const);
    const store = await openFileJournal(parent, { fsync, onFailure });
    const id = store.journal("b").add(received(1, 1));
    await committed(store);
    const second = store.journal("b").add(received(1, 2));
    await store.close();
    const again = await openFileJournal(parent, { onFailure });
    expect([...again.restore("b")]).toEqual([
      [id, received(1, 1)],
      [second, received(1, 2)],
    ]);
    await again.close();
  });

  test("is for its owner only", async () => {
    const store = await openFileJournal(parent, { onFailure });
    store.journal("b").add(received(1, 1));
    await store.close();
    expect(await filesOf(parent)).toEqual(["00000001.log", "reserve"]);
    for (const name of ["", "00000001.log", "reserve"]) {
      expect((await stat(path.join(parent, "journal", name))).mode & 0o077).toBe(0);
    }
  });

  test("is not written where nothing is kept", async () => {
    const store = await openFileJournal(parent, { onFailure });
    await store.close();
    expect(await filesOf(parent)).toEqual([]);
  });

  test("cannot be in a place that is no folder", async () => {
    await writeFile(path.join(parent, "journal"), "");
    await expect(openFileJournal(parent, { onFailure })).rejects.toMatchObject({ code: "data-folder-unusable" });
  });
});

/** A disk of one MiB; undefined where this user may not mount one. */
function mountSmallDisk(folder: string): (() => void) | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  return status === 0 ? () => void spawnSync("umount", ["-l", folder]) : undefined;
}

test("a disk that is really full", async ({ skip }) => {
  const disk = path.join(parent, "disk");
  await mkdir(disk);
  const unmount = mountSmallDisk(disk);
  if (unmount === undefined) return skip("only root may mount a small disk");
  try {
    await fillAgainAndAgain(disk);
  } finally {
    unmount();
  }
});

async function fillAgainAndAgain(disk: string): Promise<void> {
  const lines: string[] = [];
  const options = { onFailure, log: (line: string) => lines.push(line), spaceIntervalMs: 5 };
  const store = await openFileJournal(disk, options);
  const journal = store.journal("b");
  const filler = path.join(disk, "filler");
  const expected: RecordId[] = [];
  for (let round = 0; round < 3; round++) {
    writeFileSync(filler, "");
    while (!journal.isFull) {
      expected.push(journal.add(received(1, 1)));
      await committed(store);
      appendAsMuchAsFits(filler, 16 * 1024);
    }
    // What is under way is kept with the reserve.
    for (let index = 0; index < 5; index++) expected.push(journal.add(received(1, 2)));
    await committed(store);
    await rm(filler);
    while (journal.isFull) await new Promise((resolve) => setImmediate(resolve));
  }
  await store.close();
  expect(lines.map((line) => line.slice(0, 7))).toEqual([
    "no room",
    "there i",
    "no room",
    "there i",
    "no room",
    "there i",
  ]);
  const again = await openFileJournal(disk, options);
  expect([...again.restore("b")].map(([id]) => id)).toEqual(expected);
  await again.close();
}

function appendAsMuchAsFits(file: string, bytes: number): void {
  try {
    appendFileSync(file, Buffer.alloc(bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}
