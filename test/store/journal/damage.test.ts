import { describe, expect, test } from "vitest";
import type { RecordId } from "../../../src/broker/ports.ts";
import {
  FRAME_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  decodeSegmentHeader,
  encodeSegmentHeader,
  sealFrame,
} from "../../../src/store/journal/format.ts";
import type { FileJournal } from "../../../src/store/journal/file-journal.ts";
import { openJournal } from "../../../src/store/journal/open.ts";
import { committed, received } from "../../store-suite.ts";
import { FaultyFolder } from "./faulty-folder.ts";

const FIRST = "00000001.log";
const SECOND = "00000002.log";

interface Written {
  folder: FaultyFolder;
  /** Ids of each turn, in order. */
  turns: RecordId[][];
}

function open(folder: FaultyFolder, log: (line: string) => void = () => {}): Promise<FileJournal> {
  const onFailure = (error: Error) => {
    throw error;
  };
  return openJournal(folder, { onFailure, segmentBytes: 350, log });
}

/** Two segments, and turns with one to three records. */
async function write(close: boolean, count = 10): Promise<Written> {
  const folder = new FaultyFolder();
  const store = await open(folder);
  const turns: RecordId[][] = [];
  for (let turn = 0; turn < count; turn++) {
    turns.push(
      Array.from({ length: 1 + (turn % 3) }, (_, index) => store.journal("a").add(received(turn + 1, index + 1))),
    );
    await committed(store);
  }
  if (close) await store.close();
  return { folder: close ? folder : folder.crash("whole"), turns };
}

function copyOf({ files }: FaultyFolder): FaultyFolder {
  const copy = new FaultyFolder();
  for (const [name, { bytes }] of files)
    copy.files.set(name, { bytes: Buffer.from(bytes), synced: Buffer.from(bytes) });
  return copy;
}

async function idsIn(folder: FaultyFolder): Promise<RecordId[]> {
  const store = await open(folder);
  const ids = [...store.restore("a")].map(([id]) => id);
  await store.close();
  return ids;
}

/** All ids of the first turns, for each number of turns. */
const prefixes = (turns: RecordId[][]) => Array.from({ length: turns.length + 1 }, (_, n) => turns.slice(0, n).flat());

describe("a torn last write", () => {
  test("is cut off at any byte, and what is before it is there", async () => {
    const { folder, turns } = await write(false);
    const { bytes } = folder.files.get(SECOND)!;
    const all = prefixes(turns).map(String);
    let longest = 0;
    for (let length = 0; length <= bytes.length; length++) {
      const copy = copyOf(folder);
      copy.files.set(SECOND, { bytes: bytes.subarray(0, length), synced: bytes });
      const ids = await idsIn(copy);
      expect(all).toContain(String(ids));
      expect(ids.length).toBeGreaterThanOrEqual(longest);
      longest = ids.length;
      expect(await idsIn(copy)).toEqual(ids);
    }
    expect(longest).toBe(turns.flat().length);
  });

  test("is said in the log, and new changes follow what was kept", async () => {
    const { folder, turns } = await write(false);
    const content = folder.files.get(SECOND)!;
    content.bytes = content.bytes.subarray(0, -3);
    const lines: string[] = [];
    const store = await open(folder, (line) => lines.push(line));
    expect(lines).toEqual([expect.stringContaining(`the last write to ${SECOND} was not complete`)]);
    const id = store.journal("a").add(received(9, 9));
    await store.close();
    expect(await idsIn(folder)).toEqual([...turns.slice(0, -1).flat(), id]);
  });

  test("may have left zeros, or what stood there before", async () => {
    const { folder, turns } = await write(false);
    const content = folder.files.get(SECOND)!;
    content.bytes = Buffer.concat([content.bytes, Buffer.alloc(700), Buffer.from("rubbish")]);
    expect(await idsIn(folder)).toEqual(turns.flat());
  });

  test("may be a segment that was just being made", async () => {
    const { folder, turns } = await write(true);
    folder.files.set("00000003.log", { bytes: Buffer.alloc(17), synced: Buffer.alloc(0) });
    expect(await idsIn(folder)).toEqual(turns.flat());
  });
});

test("without fsync a power cut may leave holes: what follows one was never promised, and is cut off", async () => {
  const folder = new FaultyFolder();
  const onFailure = (error: Error) => {
    throw error;
  };
  const store = await openJournal(folder, { onFailure, fsync: { mode: "os" } });
  const ends: number[] = [];
  const ids: RecordId[] = [];
  for (let turn = 0; turn < 5; turn++) {
    ids.push(store.journal("a").add(received(turn, 1)));
    await committed(store);
    ends.push(folder.files.get(FIRST)!.bytes.length);
  }
  const cut = folder.crash("whole");
  cut.files.get(FIRST)!.bytes.fill(0, ends[1], ends[1]! + 10);
  expect(await idsIn(cut)).toEqual(ids.slice(0, 2));
  expect(cut.files.get(FIRST)!.bytes.length).toBeLessThan(ends[2]!);
});

describe("damage", () => {
  test("a flipped bit anywhere is found, with its file and an offset before it", async () => {
    const { folder } = await write(true);
    for (const [name, { bytes }] of folder.files) {
      if (!name.endsWith(".log")) continue;
      // The last frame only says that the journal was closed.
      const end = name === SECOND ? bytes.length - FRAME_HEADER_BYTES : bytes.length;
      for (let at = 0; at < end; at++) {
        const copy = copyOf(folder);
        copy.files.get(name)!.bytes[at]! ^= 1 << (at % 8);
        const error = await open(copy).catch((error: unknown) => error);
        expect(error).toMatchObject({ code: "journal-damaged", message: expect.stringContaining(name) });
        const offset = Number(/at byte (\d+)/.exec((error as Error).message)![1]);
        expect(offset).toBeLessThanOrEqual(at);
        expect((error as { hint: string }).hint).toContain("pubsub data check --repair");
      }
    }
  });

  test("a flipped bit in the last frame costs nothing", async () => {
    const { folder, turns } = await write(true);
    const { bytes } = folder.files.get(SECOND)!;
    bytes[bytes.length - 5]! ^= 4;
    expect(await idsIn(folder)).toEqual(turns.flat());
  });

  test.each([0, 10, SEGMENT_HEADER_BYTES, 100, 200])("a segment that ends at byte %s is found", async (length) => {
    const { folder } = await write(true);
    const content = folder.files.get(FIRST)!;
    content.bytes = content.bytes.subarray(0, length);
    await expect(open(folder)).rejects.toMatchObject({
      code: "journal-damaged",
      message: expect.stringContaining(FIRST),
    });
  });

  test("a segment that is missing is found", async () => {
    const { folder } = await write(true, 30);
    folder.files.delete(SECOND);
    await expect(open(folder)).rejects.toMatchObject({ message: expect.stringContaining(`${SECOND} is missing`) });
  });

  test("a segment under another's name is found", async () => {
    const { folder } = await write(true);
    folder.files.set(SECOND, folder.files.get(FIRST)!);
    await expect(open(folder)).rejects.toMatchObject({
      code: "journal-damaged",
      message: expect.stringContaining(SECOND),
    });
  });

  test("no payload passes for a frame", async () => {
    const folder = new FaultyFolder();
    const store = await open(folder);
    await committed(store);
    const forged = Buffer.alloc(FRAME_HEADER_BYTES + 3);
    sealFrame(forged, 0, 1, 1e9);
    const message = { id: 1, topic: "t", qos: 1, retain: false, properties: undefined, publisherId: "" } as const;
    const rest = { tokenId: undefined, receivedAtMs: 1, expiresAtMs: Infinity, payload: forged };
    store.journal("a").add({ type: "message", message: { ...message, ...rest } });
    await committed(store);
    const torn = folder.crash("whole");
    torn.files.get(FIRST)!.bytes[SEGMENT_HEADER_BYTES + 1] = 0;
    expect(await idsIn(torn)).toEqual([]);
  });
});

describe("another version", () => {
  test("that never was is damage", async () => {
    const { folder } = await write(true);
    const { bytes } = folder.files.get(FIRST)!;
    encodeSegmentHeader({ ...decodeSegmentHeader(bytes)!, version: 0 }).copy(bytes);
    const message = expect.stringContaining("has version 0, which no version of pubsub has written");
    await expect(open(folder)).rejects.toMatchObject({ code: "journal-damaged", message });
  });

  test("that is newer is refused, and named", async () => {
    const { folder } = await write(true);
    const { bytes } = folder.files.get(FIRST)!;
    encodeSegmentHeader({ ...decodeSegmentHeader(bytes)!, version: 2 }).copy(bytes);
    const message = expect.stringContaining("has version 2, and this program reads version 1");
    await expect(open(folder)).rejects.toMatchObject({ code: "journal-too-new", message });
  });

  test("that knows more kinds of entries is refused", async () => {
    const { folder } = await write(true, 1);
    const { bytes } = folder.files.get(FIRST)!;
    const { salt } = decodeSegmentHeader(bytes)!;
    const body = Buffer.from([1, 1, 0x61, 99, 7, 0, 0, 0, 0]);
    const frame = Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), body]);
    sealFrame(frame, salt, 1, 0);
    folder.files.set(FIRST, { bytes: Buffer.concat([bytes.subarray(0, SEGMENT_HEADER_BYTES), frame]), synced: bytes });
    const message = expect.stringContaining("unknown type 99");
    await expect(open(folder)).rejects.toMatchObject({ code: "journal-unreadable", message });
  });
});
