import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateSigningKey } from "../../src/auth/index.ts";
import type { JournalRecord, RecordId } from "../../src/broker/ports.ts";
import { checkData, compactData, exportData, importData, repairData } from "../../src/store/data/index.ts";
import { openFileCatalogue, openFileJournal } from "../../src/store/index.ts";
import { received } from "../store-suite.ts";
import { journalRecord } from "./journal/arbitraries.ts";

let parent: string;
let folder: string;
let brokerId: string;

const onFailure = (error: Error) => {
  throw error;
};
const log = (name: string) => path.join(folder, "journal", name);

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), "pubsub data ü-"));
  folder = path.join(parent, "data");
  const catalogue = await openFileCatalogue(folder);
  const namespace = await catalogue.createNamespace({ name: "ns", description: "text" });
  const keys = [await generateSigningKey(), await generateSigningKey()];
  const onPublish = { url: "https://example.com/" };
  const broker = await catalogue.createBroker({ namespaceId: namespace.id, name: "b", keys, onPublish });
  brokerId = broker.id;
  await catalogue.revoke(brokerId, ["x", "y"]);
  const verifier = { salt: "c2FsdA==", iterations: 4096, storedKey: "a2V5", serverKey: "a2V5" };
  await catalogue.addScramCredentials(brokerId, [
    { ...verifier, clientId: "c", jti: "j", topicAcl: ["a/#"], expiresAtMs: null },
  ]);
  await catalogue.createApiToken({ name: "ci", scope: "write", namespaceId: null, hash: "h" });
  await catalogue.close();
});
afterEach(async () => {
  await rm(parent, { recursive: true });
});

/** Writes records, each group of them together, and closes. */
async function write(groups: JournalRecord[][], segmentBytes = 500): Promise<RecordId[]> {
  const store = await openFileJournal(folder, { onFailure, segmentBytes });
  const ids: RecordId[] = [];
  for (const group of groups) {
    for (const record of group) ids.push(store.journal(brokerId).add(record));
    while (store.committed < store.position) await new Promise((resolve) => setImmediate(resolve));
  }
  await store.close();
  return ids;
}

async function recordsIn(data: string): Promise<(readonly [RecordId, JournalRecord])[]> {
  const store = await openFileJournal(data, { onFailure });
  const records = [...store.restore(brokerId)];
  await store.close();
  return records;
}

async function exported(): Promise<string[]> {
  const lines: string[] = [];
  await exportData(folder, (line) => void lines.push(JSON.stringify(line)));
  return lines;
}

async function* each(lines: string[]): AsyncGenerator<string> {
  yield* lines;
}

function sessionOf(clientId: string): JournalRecord {
  const times = { expiryIntervalSeconds: 60, endsAtMs: Infinity, willDueAtMs: undefined };
  return { type: "session", clientId, ...times, will: undefined };
}
const session = sessionOf("c");

function messageOf(topic: string): JournalRecord {
  const message = { id: 1, topic, qos: 1, retain: true, properties: undefined, publisherId: "p" } as const;
  const rest = { tokenId: undefined, receivedAtMs: 1, expiresAtMs: Infinity, payload: Buffer.alloc(20, 1) };
  return { type: "message", message: { ...message, ...rest } };
}

describe("export and import", () => {
  test("move everything to another folder", async () => {
    await write([
      [session, received(1, 7)],
      [messageOf("t"), { type: "retained", message: 3 }],
    ]);
    const lines = await exported();
    const copy = path.join(parent, "copy");
    expect(await importData(copy, each(lines))).toBe(lines.length);
    expect(await recordsIn(copy)).toEqual(await recordsIn(folder));
    const catalogueIn = async (data: string) =>
      JSON.parse(await readFile(path.join(data, "catalogue.json"), "utf8")) as unknown;
    expect(await catalogueIn(copy)).toEqual(await catalogueIn(folder));
    expect((await stat(copy)).mode & 0o077).toBe(0);
  });

  test("keep every kind of record as it is", async () => {
    const records = fc
      .array(journalRecord, { maxLength: 10 })
      .map((records) => [session, messageOf("t"), ...records.map(pointedAtFirst)]);
    await fc.assert(
      fc.asyncProperty(records, async (records) => {
        await rm(path.join(folder, "journal"), { recursive: true, force: true });
        await write([records]);
        const copy = path.join(parent, "copy");
        await importData(copy, each(await exported()));
        expect(await recordsIn(copy)).toEqual(await recordsIn(folder));
        await rm(copy, { recursive: true });
      }),
      { numRuns: 20 },
    );
  });

  test("leave out brokers that are deleted", async () => {
    const store = await openFileJournal(folder, { onFailure });
    store.journal("gone").add(session);
    await store.close();
    expect((await exported()).filter((line) => line.includes("session"))).toEqual([]);
  });

  test.each<[what: string, change: (lines: string[]) => string[], message: string]>([
    ["an empty file", () => [], "line 0: the end is missing"],
    ["another file", () => ['{"a":1}'], "line 1: this is no export"],
    ["no JSON", ([first]) => [first!, "x"], "line 2: it is not JSON"],
    ["a file that was cut off", (lines) => lines.slice(0, -1), "the end is missing"],
    ["a file with a line missing", (lines) => lines.toSpliced(3, 1), "lines are missing"],
    ["two files", (lines) => [...lines, ...lines], "more after the end"],
    ["a newer version", (lines) => [lines[0]!.replace('"version":1', '"version":2')], "has version 2"],
    ["an unknown type", ([first]) => [first!, '{"type":"x"}'], 'the type "x" is unknown'],
    ["a wrong record", (lines) => lines.map((line) => line.replace('"packetId":7', '"packetId":-7')), "packetId"],
    [
      "a reference to nothing",
      (lines) => lines.map((line) => line.replace('"session":1', '"session":3')),
      "no session 3",
    ],
    [
      "a record of no broker",
      ([first]) => [first!, `{"type":"received","broker":"b","id":1,"session":1,"packetId":1}`],
      "no broker b",
    ],
    ["no accountId", (lines) => lines.map((line) => line.replace(/"accountId":"\w+"/, '"accountId":"x"')), "accountId"],
  ])("refuse %s, and leave the folder empty", async (_what, change, message) => {
    await write([[session, received(1, 7)]]);
    const lines = change(await exported());
    const copy = path.join(parent, "copy");
    await expect(importData(copy, each(lines))).rejects.toMatchObject({
      code: "import-invalid",
      message: expect.stringContaining(message),
    });
    await importData(copy, each(await exported()));
  });

  test("do not mix with other data", async () => {
    const lines = await exported();
    await expect(importData(folder, each(lines))).rejects.toMatchObject({ code: "data-exists" });
  });

  test("need a folder with data", async () => {
    await expect(exportData(path.join(parent, "none"), () => undefined)).rejects.toMatchObject({ code: "no-data" });
    await expect(exportData(parent, () => undefined)).rejects.toMatchObject({ code: "no-data" });
  });
});

/** So that it refers to the session and the message that come first. */
function pointedAtFirst(record: JournalRecord): JournalRecord {
  if (record.type === "retained") return { ...record, message: 2 };
  if (record.type === "delivery") return { ...record, session: 1, message: 2 };
  return "session" in record ? { ...record, session: 1 } : record;
}

test("a folder that a server uses is left alone", async () => {
  const catalogue = await openFileCatalogue(folder);
  for (const work of [checkData, repairData, compactData]) {
    await expect(work(folder)).rejects.toMatchObject({ code: "data-folder-in-use" });
  }
  await catalogue.close();
});

test("compacting takes out what is no longer needed", async () => {
  const ids = await write(Array.from({ length: 50 }, (_, index) => [received(1, index + 1)]));
  const store = await openFileJournal(folder, { onFailure, segmentBytes: 500 });
  for (const id of ids.slice(1)) store.journal(brokerId).remove(id);
  await store.close();
  const { before, after } = await compactData(folder);
  expect(after).toBeLessThan(before / 2);
  expect(await recordsIn(folder)).toEqual([[ids[0], received(1, 1)]]);
});

describe("checking", () => {
  test("counts what is there, and changes nothing", async () => {
    await write([[session, received(1, 1)], [messageOf("t")]]);
    const before = await readFile(log("00000001.log"));
    expect(await checkData(folder)).toEqual({
      ...{ namespaces: 1, brokers: 1, segments: 1, bytes: before.length, tornBytes: 0 },
      records: { session: 1, received: 1, message: 1 },
    });
    expect(await readFile(log("00000001.log"))).toEqual(before);
    expect(await repairData(folder)).toBeUndefined();
  });

  test("sees a last write that was not complete", async () => {
    await write([[session]]);
    const { size } = await stat(log("00000001.log"));
    await truncate(log("00000001.log"), size - 3);
    expect(await checkData(folder)).toMatchObject({ tornBytes: expect.any(Number), records: { session: 1 } });
    expect((await checkData(folder)).tornBytes).toBeGreaterThan(0);
  });

  test("repairing recovers what comes before the damage, and keeps the rest aside", async () => {
    const groups = Array.from({ length: 40 }, (_, index) => [sessionOf(`${index}`.repeat(100))]);
    await write(groups);
    const file = log("00000002.log");
    const bytes = await readFile(file);
    bytes[200]! ^= 1;
    await writeFile(file, bytes);
    const later = (await readdir(path.join(folder, "journal"))).filter(
      (name) => name > "00000002.log" && name.endsWith(".log"),
    );
    expect(later.length).toBeGreaterThan(2);

    const { damage } = await checkData(folder);
    expect(damage).toMatchObject({ file: "00000002.log" });
    expect(damage!.offset).toBeLessThanOrEqual(200);
    const report = await repairData(folder);
    expect(report).toMatchObject({ damage, droppedRecords: 0 });
    expect(report!.keptFiles.toSorted()).toEqual(["00000002.log", ...later].map((name) => `${name}.damaged`));
    expect(report!.lostBytes).toBeGreaterThan(1000);
    expect(await readFile(`${file}.damaged`)).toEqual(bytes);

    const records = await recordsIn(folder);
    expect(records.length).toBeGreaterThan(2);
    expect(records.length).toBeLessThan(10);
    expect(records.map(([, record]) => record)).toEqual(groups.flat().slice(0, records.length));
    expect((await checkData(folder)).damage).toBeUndefined();
  });

  test("repairing where nothing comes before the damage leaves an empty journal", async () => {
    await write([[session]]);
    const bytes = await readFile(log("00000001.log"));
    bytes[20]! ^= 1;
    await writeFile(log("00000001.log"), bytes);
    expect(await repairData(folder)).toMatchObject({ damage: { offset: 0 }, lostBytes: bytes.length });
    expect(await recordsIn(folder)).toEqual([]);
  });

  test("repairing drops what refers to something that is lost", async () => {
    // A delivery and its packet identifier before the damage, the session and the message, written again, after it.
    const delivery = {
      qos: 1,
      retain: false,
      subscriptionIdentifiers: undefined,
      packetId: 1,
      released: false,
    } as const;
    await write(
      [
        [{ type: "delivery", session: 3, message: 4, ...delivery }, messageOf("nobody's")],
        [session, messageOf("t")],
        [received(3, 1)],
      ],
      1e6,
    );
    const bytes = await readFile(log("00000001.log"));
    bytes[bytes.indexOf("t", bytes.indexOf("nobody's") + 40)]! ^= 1;
    bytes[bytes.lastIndexOf(Buffer.alloc(20, 1))]! ^= 1;
    await writeFile(log("00000001.log"), bytes);
    expect(await repairData(folder)).toMatchObject({ droppedRecords: 2 });
    expect(await recordsIn(folder)).toEqual([]);
  });

  test("a missing segment is damage, too", async () => {
    const groups = Array.from({ length: 40 }, (_, index) => [sessionOf(`${index}`.repeat(100))]);
    await write(groups);
    await rm(log("00000002.log"));
    const damage = { file: "00000001.log", reason: "00000002.log is missing after it" };
    expect(await repairData(folder)).toMatchObject({ damage });
    const records = await recordsIn(folder);
    expect(records.map(([, record]) => record)).toEqual(groups.flat().slice(0, records.length));
  });
});
