/** Looks whether a journal is as it was written, and saves what can be saved where it is not. */
import type { JournalRecord, RecordId } from "../../broker/ports.ts";
import { type JournalFolder, readWhole, writeWhole } from "../journal/files.ts";
import { SEGMENT_HEADER_BYTES, segmentNumber } from "../journal/format.ts";
import { journalFolder, openJournal } from "../journal/open.ts";
import { type Recovered, readJournal } from "../journal/recovery.ts";
import { type Damage, listSegments } from "../journal/scan.ts";
import { readCatalogue } from "../file-catalogue.ts";
import { inDataFolder } from "./folder.ts";

export interface DataReport {
  readonly namespaces: number;
  readonly brokers: number;
  /** Records by kind. */
  readonly records: Readonly<Partial<Record<JournalRecord["type"], number>>>;
  readonly segments: number;
  /** Of all segments. */
  readonly bytes: number;
  /** What is left of a last write that was not complete, and was never acknowledged. */
  readonly tornBytes: number;
  readonly damage?: Damage;
}

export interface RepairReport {
  readonly damage: Damage;
  /** Files that have what could not be recovered. */
  readonly keptFiles: readonly string[];
  /** Bytes from the damage on: what they said is lost. */
  readonly lostBytes: number;
  /** Records from before the damage that were of no use without those that are lost. */
  readonly droppedRecords: number;
}

/** Reads all data of a folder, and changes nothing. */
export async function checkData(folder: string): Promise<DataReport> {
  return await inDataFolder(folder, async () => {
    const catalogue = await readCatalogue(folder);
    const journal = await journalFolder(folder);
    const { scan, inventory, records } = await readJournal(journal);
    return {
      namespaces: catalogue?.namespaces.size ?? 0,
      brokers: catalogue?.brokers.size ?? 0,
      records: countKinds(records),
      segments: scan.segments.length,
      bytes: inventory.diskBytes,
      tornBytes: scan.tornBytes,
      ...(scan.damage && { damage: scan.damage }),
    };
  });
}

/**
 * Recovers what was written before the first damage; the damaged file and those after it are kept beside the journal, their names
 * with `.damaged`.
 * @returns undefined where there is no damage
 */
export async function repairData(folder: string): Promise<RepairReport | undefined> {
  return await inDataFolder(folder, async () => {
    const journal = await journalFolder(folder);
    const { scan } = await readJournal(journal);
    if (scan.damage === undefined) return undefined;
    const set = await setAside(journal, scan.damage);
    return { damage: scan.damage, ...set, droppedRecords: await dropOrphans(journal) };
  });
}

function countKinds(records: Recovered["records"]): DataReport["records"] {
  const counts: Partial<Record<JournalRecord["type"], number>> = {};
  for (const ofBroker of records.values()) {
    for (const [, { type }] of ofBroker) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

/** Whenever it is interrupted, it can be done again. */
async function setAside(journal: JournalFolder, { file, offset }: Damage) {
  const names = await listSegments(journal);
  const later = names.filter((name) => segmentNumber(name)! > segmentNumber(file)!);
  const keptFiles = [...later, file].map((name) => `${name}.damaged`);
  let lostBytes = 0;
  for (const name of later) {
    lostBytes += await sizeOf(journal, name);
    await journal.rename(name, `${name}.damaged`);
  }
  await journal.sync();

  lostBytes += Math.max(0, (await sizeOf(journal, file)) - offset);
  await copy(journal, file, `${file}.damaged`);
  if (offset < SEGMENT_HEADER_BYTES) {
    await journal.remove(file);
  } else {
    const damaged = await journal.open(file);
    await damaged.truncate(offset);
    await damaged.sync();
    await damaged.close();
  }
  await journal.sync();
  return { keptFiles, lostBytes };
}

async function sizeOf(journal: JournalFolder, name: string): Promise<number> {
  const file = await journal.open(name);
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

async function copy(journal: JournalFolder, from: string, to: string): Promise<void> {
  const source = await journal.open(from);
  const target = await journal.create(to);
  try {
    await writeWhole(target, await readWhole(source), 0);
    await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
}

/**
 * Compaction writes old records again at the end of the journal: what refers to them may stand before the damage, and they after it.
 * @returns how many
 */
async function dropOrphans(journal: JournalFolder): Promise<number> {
  const { records } = await readJournal(journal);
  let failure: Error | undefined;
  const store = await openJournal(journal, { onFailure: (error) => (failure = error) });
  let dropped = 0;
  for (const [brokerId, ofBroker] of records) {
    const brokerJournal = store.journal(brokerId);
    for (const id of orphansOf(new Map(ofBroker))) {
      brokerJournal.remove(id);
      dropped++;
    }
  }
  await store.close();
  if (failure !== undefined) throw failure;
  return dropped;
}

/** Records that refer to a record that is not there, and messages that nobody refers to. */
function orphansOf(records: ReadonlyMap<RecordId, JournalRecord>): RecordId[] {
  const is = (id: RecordId, type: JournalRecord["type"]) => records.get(id)?.type === type;
  const needed = new Set<RecordId>();
  const orphans: RecordId[] = [];
  for (const [id, record] of records) {
    const hasSession = !("session" in record) || is(record.session, "session");
    const hasMessage = !(record.type === "delivery" || record.type === "retained") || is(record.message, "message");
    if (!hasSession || !hasMessage) orphans.push(id);
    else if (record.type === "delivery" || record.type === "retained") needed.add(record.message);
  }
  for (const [id, { type }] of records) if (type === "message" && !needed.has(id)) orphans.push(id);
  return orphans;
}
