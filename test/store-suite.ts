/** What every implementation of `JournalStore` does. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Journal, JournalRecord, RecordId } from "../src/broker/ports.ts";
import type { JournalStore } from "../src/store/index.ts";
import { journalRecord } from "./store/journal/arbitraries.ts";

/** A store on something that outlives it. */
export interface StoreUnderTest {
  /** Opens it, for the first time or again. */
  open(): Promise<JournalStore>;
  /** Ends the open one as a killed process would. What was not told to be kept may be there afterwards, or not. */
  crash(): Promise<void>;
  /** Ends the open one while its last write, which nobody was told of, is on its way and tears. */
  tearLastWrite(): Promise<void>;
}

export const received = (session: RecordId, packetId: number): JournalRecord => ({
  type: "received",
  session,
  packetId,
});
const A = "a".repeat(32);
const B = "b".repeat(32);

/** Resolves when everything so far is kept. */
export async function committed(store: JournalStore): Promise<void> {
  const { position } = store;
  if (store.committed >= position) return;
  await new Promise<void>((resolve) => {
    const end = store.watch((kept) => {
      if (kept < position) return;
      end();
      resolve();
    });
  });
}

export function storeSuite(create: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let store: JournalStore;
  let journal: Journal;

  const reopen = async () => {
    store = await under.open();
    journal = store.journal(A);
  };
  const restored = (brokerId = A) => [...store.restore(brokerId)];

  beforeEach(async () => {
    under = await create();
    await reopen();
    return () => store.close();
  });

  test("keeps nothing where nothing was written", async () => {
    await store.close();
    await reopen();
    expect(restored()).toEqual([]);
    expect(store.status()).toMatchObject({ isFull: false, records: 0 });
  });

  test("keeps every kind of record as it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(journalRecord, { maxLength: 20 }), async (records) => {
        const added = records.map((record) => [journal.add(record), record] as const);
        await store.close();
        await reopen();
        expect(restored()).toEqual(added);
        for (const [id] of added) journal.remove(id);
      }),
      { numRuns: 30 },
    );
  });

  test("refuses a record with a property that does not travel, and goes on", async () => {
    const message = { id: 1, topic: "t", payload: Buffer.alloc(1), qos: 0, retain: false } as const;
    const rest = { publisherId: "", tokenId: undefined, receivedAtMs: 1, expiresAtMs: 2 };
    const record = { type: "message", message: { ...message, ...rest, properties: { topicAlias: 1 } } } as const;
    expect(() => journal.add(record)).toThrow("topicAlias");
    const id = journal.add(received(1, 1));
    await store.close();
    await reopen();
    expect(restored()).toEqual([[id, received(1, 1)]]);
  });

  test("tells when changes are kept", async () => {
    const positions: number[] = [];
    store.watch((position) => positions.push(position));
    const before = store.position;
    journal.add(received(1, 1));
    expect(store.position).toBeGreaterThan(before);
    await committed(store);
    expect(store.committed).toBe(store.position);
    expect(positions.at(-1)).toBe(store.position);
  });

  test("a listener that ends hears no more", async () => {
    const positions: number[] = [];
    store.watch((position) => positions.push(position))();
    journal.add(received(1, 1));
    await committed(store);
    expect(positions).toEqual([]);
  });

  test("the position counts bytes", () => {
    const message = { id: 1, topic: "t", qos: 0, retain: false, properties: undefined, publisherId: "" } as const;
    const rest = { tokenId: undefined, receivedAtMs: 1, expiresAtMs: 2, payload: Buffer.alloc(10_000) };
    const before = store.position;
    journal.add({ type: "message", message: { ...message, ...rest } });
    expect(store.position - before).toBeGreaterThan(10_000);
    expect(store.position - before).toBeLessThan(10_200);
  });

  test("replaces and removes", async () => {
    const ids = [1, 2, 3].map((packetId) => journal.add(received(1, packetId)));
    await committed(store);
    journal.replace(ids[0]!, received(1, 4));
    journal.remove(ids[1]!);
    await store.close();
    await reopen();
    expect(restored()).toEqual([
      [ids[0], received(1, 4)],
      [ids[2], received(1, 3)],
    ]);
    expect(store.status().records).toBe(2);
  });

  test("replaces and removes what is not kept yet", async () => {
    const ids = [1, 2].map((packetId) => journal.add(received(1, packetId)));
    journal.replace(ids[0]!, received(1, 4));
    journal.remove(ids[1]!);
    await store.close();
    await reopen();
    expect(restored()).toEqual([[ids[0], received(1, 4)]]);
  });

  test("does not know what was removed", () => {
    const id = journal.add(received(1, 1));
    journal.remove(id);
    expect(() => journal.remove(id)).toThrow(`no record ${id}`);
    expect(() => journal.replace(id, received(1, 1))).toThrow(`no record ${id}`);
  });

  test("gives ids that grow and are never given again", async () => {
    const first = journal.add(received(1, 1));
    expect(first).toBeGreaterThan(0);
    const other = store.journal(B).add(received(1, 1));
    expect(other).toBeGreaterThan(first);
    journal.remove(first);
    store.journal(B).remove(other);
    await store.close();
    await reopen();
    expect(journal.add(received(1, 1))).toBeGreaterThan(other);
  });

  test("restores by growing ids, whatever was written later", async () => {
    const ids = [1, 2, 3].map((packetId) => journal.add(received(1, packetId)));
    await committed(store);
    journal.replace(ids[0]!, received(1, 9));
    await store.close();
    await reopen();
    expect(restored().map(([id]) => id)).toEqual(ids);
  });

  describe("brokers", () => {
    test("have their own records", async () => {
      const first = journal.add(received(1, 1));
      const second = store.journal(B).add(received(2, 2));
      const third = journal.add(received(3, 3));
      await store.close();
      await reopen();
      expect(restored(A)).toEqual([
        [first, received(1, 1)],
        [third, received(3, 3)],
      ]);
      expect(restored(B)).toEqual([[second, received(2, 2)]]);
      expect(restored("c")).toEqual([]);
    });

    test("that were deleted lose theirs", async () => {
      const other = store.journal(B);
      other.add(received(2, 2));
      const id = journal.add(received(1, 1));
      store.retainBrokers(new Set([A]));
      expect(store.status().records).toBe(1);
      other.remove(other.add(received(3, 3)));
      await store.close();
      await reopen();
      expect(restored(B)).toEqual([]);
      expect(restored(A)).toEqual([[id, received(1, 1)]]);
    });

    test("that were deleted while nobody looked lose theirs", async () => {
      store.journal(B).add(received(2, 2));
      await store.close();
      await reopen();
      store.retainBrokers(new Set([A]));
      expect(restored(B)).toEqual([]);
      expect(store.status().records).toBe(0);
      await store.close();
      await reopen();
      expect(restored(B)).toEqual([]);
    });

    test("may come back with the same id, and find nothing", async () => {
      store.journal(B).add(received(2, 2));
      store.retainBrokers(new Set([A]));
      const id = store.journal(B).add(received(3, 3));
      await store.close();
      await reopen();
      expect(restored(B)).toEqual([[id, received(3, 3)]]);
    });
  });

  describe("crashes", () => {
    test("what was told to be kept is there", async () => {
      const ids = [1, 2, 3].map((packetId) => journal.add(received(1, packetId)));
      journal.remove(ids[0]!);
      await committed(store);
      await under.crash();
      await reopen();
      expect(restored()).toEqual([
        [ids[1], received(1, 2)],
        [ids[2], received(1, 3)],
      ]);
    });

    test("a torn write is as if it had not been begun", async () => {
      const kept = journal.add(received(1, 1));
      await committed(store);
      journal.add(received(1, 2));
      journal.remove(kept);
      await under.tearLastWrite();
      await reopen();
      expect(restored()).toEqual([[kept, received(1, 1)]]);
      const next = journal.add(received(1, 3));
      await store.close();
      await reopen();
      expect(restored()).toEqual([
        [kept, received(1, 1)],
        [next, received(1, 3)],
      ]);
    });

    test("again and again, with random changes: whole turns, in order, and none that was told is lost", async () => {
      const turn = fc.array(fc.tuple(fc.constantFrom("add", "replace", "remove"), fc.nat(), journalRecord), {
        minLength: 1,
        maxLength: 6,
      });
      const run = fc.record({
        turns: fc.array(turn, { maxLength: 5 }),
        awaited: fc.nat(5),
        end: fc.constantFrom("crash", "tear", "close"),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(run, { maxLength: 4 }), async (runs) => {
          await store.close();
          under = await create();
          await reopen();
          let state = new Map<RecordId, JournalRecord>();
          for (const { turns, awaited, end } of runs) {
            const states = [state];
            let told = 0;
            for (const [index, changes] of turns.entries()) {
              state = new Map(state);
              for (const [kind, choice, record] of changes) change(journal, state, kind, choice, record);
              states.push(state);
              if (index >= awaited) continue;
              await committed(store);
              told = index + 1;
            }
            if (end === "close") await store.close();
            else if (end === "crash") await under.crash();
            else await under.tearLastWrite();
            await reopen();
            const found = new Map(restored());
            const possible = end === "close" ? states.slice(-1) : states.slice(told);
            state = possible.findLast((candidate) => isSame(candidate, found)) ?? new Map();
            expect([...found]).toEqual([...state].sort(([a], [b]) => a - b));
          }
        }),
        { numRuns: 40 },
      );
    });
  });
}

function change(
  journal: Journal,
  state: Map<RecordId, JournalRecord>,
  kind: string,
  choice: number,
  record: JournalRecord,
): void {
  const id = [...state.keys()][choice % state.size];
  if (kind === "add" || id === undefined) {
    state.set(journal.add(record), record);
  } else if (kind === "replace") {
    journal.replace(id, record);
    state.set(id, record);
  } else {
    journal.remove(id);
    state.delete(id);
  }
}

function isSame(expected: Map<RecordId, JournalRecord>, found: Map<RecordId, JournalRecord>): boolean {
  if (expected.size !== found.size) return false;
  for (const [id, record] of expected) if (!isDeepStrictEqual(found.get(id), record)) return false;
  return true;
}
