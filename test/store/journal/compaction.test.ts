import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Journal, JournalRecord, RecordId } from "../../../src/broker/ports.ts";
import type { FileJournal } from "../../../src/store/journal/file-journal.ts";
import { openJournal } from "../../../src/store/journal/open.ts";
import { committed, received } from "../../store-suite.ts";
import { Random } from "../../simulation/random.ts";
import { FaultyFolder } from "./faulty-folder.ts";

const SEGMENT_BYTES = 2000;
const onFailure = (error: Error) => {
  throw error;
};

function open(folder: FaultyFolder): Promise<FileJournal> {
  return openJournal(folder, { onFailure, segmentBytes: SEGMENT_BYTES });
}

function messageOf(bytes: number): JournalRecord {
  const message = { id: 1, topic: "a/topic", qos: 1, retain: false, properties: undefined, publisherId: "p" } as const;
  const rest = { tokenId: undefined, receivedAtMs: 1, expiresAtMs: Infinity, payload: Buffer.alloc(bytes, bytes) };
  return { type: "message", message: { ...message, ...rest } };
}

/** Adds and removes, as a queue does. */
async function churn(store: FileJournal, journal: Journal, turns: number, waiting = 5): Promise<RecordId[]> {
  const ids: RecordId[] = [];
  for (let turn = 0; turn < turns; turn++) {
    ids.push(journal.add(messageOf(turn % 100)));
    if (ids.length > waiting) journal.remove(ids.shift()!);
    await committed(store);
  }
  return ids;
}

/** Resolves when the files are no longer than so many bytes. */
async function shrinksTo(store: FileJournal, bytes: number): Promise<void> {
  while (store.status().bytes > bytes) await nextTurn();
}

const segmentsOf = (folder: FaultyFolder) => [...folder.files.keys()].filter((name) => name.endsWith(".log"));

describe("what is no longer needed", () => {
  test("goes, however long a queue is used", async () => {
    const folder = new FaultyFolder();
    const store = await open(folder);
    let bytesMax = 0;
    store.watch(() => (bytesMax = Math.max(bytesMax, store.status().bytes)));
    const ids = await churn(store, store.journal("a"), 1000);
    await store.close();
    expect(bytesMax).toBeLessThan(5 * SEGMENT_BYTES);
    const again = await open(folder);
    expect([...again.restore("a")].map(([id]) => id)).toEqual(ids);
    expect(again.status().records).toBe(5);
    await again.close();
  });

  test("goes from between what stays for ever", async () => {
    const folder = new FaultyFolder();
    const store = await open(folder);
    const journal = store.journal("a");
    const stay = Array.from({ length: 40 }, (_, index) => journal.add(messageOf(100 + index)));
    await committed(store);
    const liveBytes = store.status().bytes;
    const bytes: number[] = [];
    store.watch(() => bytes.push(store.status().bytes));
    const ids = await churn(store, journal, 1500);
    expect(Math.max(...bytes)).toBeLessThan(2.5 * liveBytes + 5 * SEGMENT_BYTES);
    await store.close();
    const again = await open(folder);
    const restored = [...again.restore("a")];
    expect(restored.map(([id]) => id)).toEqual([...stay, ...ids]);
    expect(restored.slice(0, 40).map(([, record]) => record)).toEqual(stay.map((_, index) => messageOf(100 + index)));
    await again.close();
  });

  test("goes without anybody writing", async () => {
    const folder = new FaultyFolder();
    const store = await open(folder);
    const journal = store.journal("a");
    const ids: RecordId[] = [];
    for (let turn = 0; turn < 200; turn++) {
      ids.push(journal.add(messageOf(100)));
      await committed(store);
    }
    const before = store.status().bytes;
    for (const id of ids) journal.remove(id);
    await shrinksTo(store, 3 * SEGMENT_BYTES);
    expect(before).toBeGreaterThan(10 * SEGMENT_BYTES);
    await store.close();
  });

  test("goes with the broker that was deleted", async () => {
    const folder = new FaultyFolder();
    const store = await open(folder);
    const doomed = store.journal("b");
    for (let turn = 0; turn < 200; turn++) {
      doomed.add(messageOf(100));
      await committed(store);
    }
    const kept = store.journal("a").add(received(1, 1));
    store.retainBrokers(new Set(["a"]));
    await shrinksTo(store, 3 * SEGMENT_BYTES);
    await store.close();
    const again = await open(folder);
    expect([...again.restore("a")]).toEqual([[kept, received(1, 1)]]);
    expect([...again.restore("b")]).toEqual([]);
    await again.close();
  });

  test("goes all when asked for", async () => {
    const folder = new FaultyFolder();
    const store = await open(folder);
    await churn(store, store.journal("a"), 60);
    const stay = Array.from({ length: 10 }, () => store.journal("a").add(messageOf(50)));
    await store.compact();
    const { bytes, records } = store.status();
    expect(records).toBe(15);
    expect(bytes).toBeLessThan(2 * SEGMENT_BYTES);
    expect(segmentsOf(folder).length).toBeLessThan(3);
    await store.close();
    const again = await open(folder);
    expect([...again.restore("a")].map(([id]) => id).slice(-10)).toEqual(stay);
    await again.close();
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])("nothing is lost by crashes while segments are cleaned: seed %s", async (seed) => {
  const random = new Random(seed);
  let folder = new FaultyFolder();
  /** As it was told to be kept, and as it is with what was not told yet. */
  let told = new Map<RecordId, number>();
  for (let life = 0; life < 12; life++) {
    const store = await open(folder);
    const journal = store.journal("a");
    const restored = new Map([...store.restore("a")].map(([id, record]) => [id, sizeOf(record)]));
    expect(restored).toEqual(told);
    const state = new Map(told);
    const turns = random.below(60);
    for (let turn = 0; turn < turns; turn++) {
      for (let change = random.below(4); change >= 0; change--) changeOne(random, journal, state);
      await committed(store);
      told = new Map(state);
    }
    changeOne(random, journal, state);
    if (random.below(4) === 0) {
      await store.close();
      told = state;
    } else {
      for (let wait = random.below(5); wait > 0; wait--) await Promise.resolve();
      folder = folder.crash("torn");
    }
  }
});

function changeOne(random: Random, journal: Journal, state: Map<RecordId, number>): void {
  const size = random.below(400);
  const id = [...state.keys()][random.below(Math.max(1, state.size))];
  const choice = random.below(10);
  if (id === undefined || choice < 4) {
    state.set(journal.add(messageOf(size)), size);
  } else if (choice < 6) {
    journal.replace(id, messageOf(size));
    state.set(id, size);
  } else {
    journal.remove(id);
    state.delete(id);
  }
}

function sizeOf(record: JournalRecord): number {
  return record.type === "message" ? record.message.payload.length : -1;
}
