import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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
    expect(await filesOf(parent)).toEqual(["reserve"]);
  });

  test("cannot be in a place that is no folder", async () => {
    await writeFile(path.join(parent, "journal"), "");
    await expect(openFileJournal(parent, { onFailure })).rejects.toMatchObject({ code: "data-folder-unusable" });
  });
});
