import { EventEmitter, once } from "node:events";
import { expect, test } from "vitest";
import type { JournalRecord } from "../../../src/broker/ports.ts";
import type { FileJournal, Fsync } from "../../../src/store/journal/file-journal.ts";
import { openJournal } from "../../../src/store/journal/open.ts";
import { committed, received } from "../../store-suite.ts";
import { FaultyFolder, errorWithCode } from "./faulty-folder.ts";

/** The reserve is a hundredth of it. */
const DISK_BYTES = 1_000_000;
const RESERVE_BYTES = DISK_BYTES / 100;

class Disk extends FaultyFolder {
  readonly log: string[] = [];
  readonly failures: Error[] = [];
  readonly #said = new EventEmitter();
  store!: FileJournal;

  async start(fsync: Fsync = { mode: "always" }, segmentBytes = 20_000): Promise<FileJournal> {
    this.store = await openJournal(this, {
      fsync,
      segmentBytes,
      spaceIntervalMs: 1,
      log: (line) => {
        this.log.push(line);
        this.#said.emit("line");
      },
      onFailure: (error) => {
        this.failures.push(error);
        this.#said.emit("line");
      },
    });
    return this.store;
  }

  /** Resolves when a line has the text. */
  async says(text: string): Promise<void> {
    while (!this.log.some((line) => line.includes(text))) await once(this.#said, "line");
  }

  async fails(): Promise<void> {
    while (this.failures.length === 0) await once(this.#said, "line");
  }

  async reserveIsThere(): Promise<void> {
    while (this.files.get("reserve")?.bytes.length !== RESERVE_BYTES) await new Promise((done) => setImmediate(done));
  }
}

function create(): Disk {
  const disk = new Disk();
  disk.totalBytes = DISK_BYTES;
  return disk;
}

function messageOf(bytes: number): JournalRecord {
  const message = { id: 1, topic: "t", qos: 1, retain: false, properties: undefined, publisherId: "p" } as const;
  const rest = { tokenId: undefined, receivedAtMs: 1, expiresAtMs: Infinity, payload: Buffer.alloc(bytes, 1) };
  return { type: "message", message: { ...message, ...rest } };
}

const idsIn = (store: FileJournal) => [...store.restore("a")].map(([id]) => id);

test("what is under way when the disk is full is kept, and it goes on when there is room", async () => {
  const disk = create();
  const store = await disk.start();
  const journal = store.journal("a");
  await disk.reserveIsThere();
  const first = journal.add(messageOf(100));
  await committed(store);
  expect(journal.isFull).toBe(false);

  disk.capacity = disk.usedBytes + 10;
  const second = journal.add(messageOf(1000));
  await committed(store);
  expect(journal.isFull).toBe(true);
  expect(store.status().isFull).toBe(true);
  expect(disk.log).toEqual([expect.stringMatching(/^no room in \/faulty/)]);
  journal.remove(first);
  await committed(store);

  disk.capacity = Infinity;
  await disk.says("there is room in /faulty again");
  expect(journal.isFull).toBe(false);
  expect(disk.files.get("reserve")!.bytes).toHaveLength(RESERVE_BYTES);
  await store.close();
  const again = await disk.start();
  expect(idsIn(again)).toEqual([second]);
  await again.close();
  expect(disk.failures).toEqual([]);
});

test("is full before the disk is", async () => {
  const disk = create();
  const store = await disk.start();
  await disk.reserveIsThere();
  disk.capacity = disk.usedBytes + RESERVE_BYTES / 2;
  while (!store.isFull) {
    store.journal("a").add(received(1, 1));
    await committed(store);
  }
  expect(disk.usedBytes).toBeLessThan(disk.capacity);
  expect(disk.files.has("reserve")).toBe(true);
  disk.capacity = Infinity;
  await disk.says("there is room");
  await store.close();
});

test("is full from the start where there is no room for the reserve", async () => {
  const disk = create();
  disk.capacity = RESERVE_BYTES / 2;
  const store = await disk.start();
  await disk.says("no room");
  expect(store.isFull).toBe(true);
  store.journal("a").add(received(1, 1));
  await committed(store);
  await store.close();
});

test("a write for which there is no room waits, and nothing that was told is lost meanwhile", async () => {
  const disk = create();
  const store = await disk.start();
  const journal = store.journal("a");
  await disk.reserveIsThere();
  const first = journal.add(messageOf(100));
  await committed(store);
  const before = disk.usedBytes - RESERVE_BYTES;
  const told = store.committed;

  disk.capacity = disk.usedBytes + 500;
  const second = journal.add(messageOf(50_000));
  const whole = committed(store);
  await disk.says("no room");
  while (disk.files.has("reserve")) await new Promise((done) => setImmediate(done));
  expect(store.committed).toBe(told);

  // As a process killed now would leave it: perhaps with a part of what was tried.
  const crashed = Object.assign(new Disk(), { totalBytes: DISK_BYTES });
  for (const [name, { bytes }] of disk.files) crashed.files.set(name, { bytes: Buffer.from(bytes), synced: bytes });
  const other = await crashed.start();
  expect(idsIn(other)).toEqual([first]);
  expect(other.status().bytes).toBe(before);
  await other.close();

  disk.capacity = Infinity;
  await whole;
  await store.close();
  const again = await disk.start();
  expect(idsIn(again)).toEqual([first, second]);
  await again.close();
});

test("closing does not wait for room", async () => {
  const disk = create();
  const store = await disk.start();
  const first = store.journal("a").add(messageOf(100));
  await committed(store);
  await disk.reserveIsThere();
  disk.capacity = disk.usedBytes;
  store.journal("a").add(messageOf(50_000));
  await disk.says("no room");
  await store.close();
  expect(disk.log.at(-1)).toContain("that nobody was told are kept");
  expect(disk.failures).toEqual([]);
  const again = await disk.start();
  expect(idsIn(again)).toEqual([first]);
  await again.close();
});

test("a full disk is made room on where there is garbage", async () => {
  const disk = create();
  const store = await disk.start({ mode: "always" }, 20_000);
  const journal = store.journal("a");
  await disk.reserveIsThere();
  for (let turn = 0; turn < 50; turn++) {
    journal.remove(journal.add(messageOf(1000)));
    await committed(store);
  }
  const before = store.status().bytes;
  expect(before).toBeGreaterThan(30_000);
  disk.capacity = disk.usedBytes + 100;
  const id = journal.add(messageOf(1000));
  await disk.says("there is room");
  expect(store.status().bytes).toBeLessThan(before / 2);
  await store.close();
  const again = await disk.start();
  expect(idsIn(again)).toEqual([id]);
  await again.close();
});

test.each(["EMFILE", "EDQUOT"])("%s when a segment is made is waited for, too", async (code) => {
  const disk = create();
  const store = await disk.start({ mode: "always" }, 2000);
  const journal = store.journal("a");
  await disk.reserveIsThere();
  let attempts = 0;
  disk.before = (operation, name) => {
    if (operation === "create" && name === "00000002.log" && attempts++ < 3) throw errorWithCode(code);
  };
  const ids = [];
  for (let turn = 0; turn < 5; turn++) {
    ids.push(journal.add(messageOf(1000)));
    await committed(store);
  }
  expect(attempts).toBe(4);
  await store.close();
  const again = await disk.start();
  expect(idsIn(again)).toEqual(ids);
  await again.close();
});

const modes: Fsync[] = [{ mode: "always" }, { mode: "interval", ms: 1 }];
test.each(modes)("a sync that fails is the end, and is never tried again: $mode", async (fsync) => {
  const disk = create();
  const store = await disk.start(fsync);
  const journal = store.journal("a");
  journal.add(received(1, 1));
  await committed(store);
  let syncs = 0;
  disk.before = (operation) => {
    if (operation === "sync" && ++syncs) throw errorWithCode("EIO");
  };
  journal.add(received(1, 2));
  await disk.fails();
  const { committed: told } = store;
  journal.add(received(1, 3));
  await new Promise((done) => setTimeout(done, 5));
  expect(store.committed).toBe(told);
  if (fsync.mode === "always") expect(told).toBeLessThan(store.position);
  await store.close();
  expect(syncs).toBe(1);
  expect(disk.failures).toEqual([expect.objectContaining({ message: expect.stringContaining("EIO") })]);
});

test.each(["write", "sync folder"] as const)("another error of %s is the end", async (failing) => {
  const disk = create();
  const store = await disk.start();
  await disk.reserveIsThere();
  disk.before = (operation) => {
    if (operation === failing) throw errorWithCode("EIO");
  };
  store.journal("a").add(received(1, 1));
  await disk.fails();
  expect(store.committed).toBe(0);
  await store.close();
  expect(disk.failures).toHaveLength(1);
});
