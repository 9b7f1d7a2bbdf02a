import { describe, expect, test } from "vitest";
import { MemoryJournal } from "../../../src/store/index.ts";
import { received, storeSuite } from "../../store-suite.ts";

describe("memory journal", () => {
  storeSuite(async () => {
    let store = new MemoryJournal({ schedule: (commit) => setImmediate(commit) });
    return {
      open: async () => (store = store.crash()),
      crash: async () => void (store = store.crash("whole")),
      tearLastWrite: async () => void (store = store.crash("torn")),
    };
  });
});

test("keeps every change at once where nobody schedules commits", () => {
  const store = new MemoryJournal();
  const positions: number[] = [];
  store.watch((position) => positions.push(position));
  store.journal("b").add(received(1, 1));
  expect(store.committed).toBe(store.position);
  expect(positions).toEqual([store.position]);
});

test("asks once for a commit, and keeps what has come until then", () => {
  const commits: (() => void)[] = [];
  const store = new MemoryJournal({ schedule: (commit) => commits.push(commit) });
  const journal = store.journal("b");
  const first = journal.add(received(1, 1));
  journal.add(received(1, 2));
  expect(commits).toHaveLength(1);
  commits[0]!();
  journal.remove(first);
  expect(commits).toHaveLength(2);
  expect([...store.crash("torn").restore("b")]).toHaveLength(2);
});

test("says that it is full as the test wants it", () => {
  const store = new MemoryJournal();
  const journal = store.journal("b");
  expect(journal.isFull).toBe(false);
  store.isFull = true;
  expect(journal.isFull).toBe(true);
  expect(store.status().isFull).toBe(true);
});
