/** From the files of a journal to what lives in it. */
import path from "node:path";
import { UserError } from "../../errors.ts";
import type { JournalRecord, RecordId } from "../../broker/ports.ts";
import type { JournalFolder } from "./files.ts";
import { segmentFileName } from "./format.ts";
import { Inventory, Segment } from "./inventory.ts";
import { type Damage, type ScanResult, type ScanVisitor, scan } from "./scan.ts";

export interface Recovered {
  readonly inventory: Inventory;
  /** Broker id → its records that live. */
  readonly records: Map<string, Map<RecordId, JournalRecord>>;
  readonly scan: ScanResult;
}

/** Reads everything, and changes nothing. */
export async function readJournal(folder: JournalFolder): Promise<Recovered> {
  const inventory = new Inventory();
  const records = new Map<string, Map<RecordId, JournalRecord>>();
  const recordsOf = (brokerId: string): Map<RecordId, JournalRecord> => {
    let found = records.get(brokerId);
    if (found === undefined) records.set(brokerId, (found = new Map()));
    return found;
  };
  const visitor: ScanVisitor = {
    segment: (header, bytes) => {
      inventory.addSegment(new Segment(header.number, header.salt, header.firstSequence, bytes));
      inventory.nextId = Math.max(inventory.nextId, header.nextId);
    },
    put: (brokerId, id, start, end, record) => {
      recordsOf(brokerId).set(id, record());
      inventory.put(inventory.broker(brokerId), id, inventory.active, start, end - start);
    },
    remove: (brokerId, id) => {
      recordsOf(brokerId).delete(id);
      inventory.remove(inventory.broker(brokerId), id);
    },
    removeBroker: (brokerId) => {
      for (const id of recordsOf(brokerId).keys()) inventory.remove(inventory.broker(brokerId), id);
      records.delete(brokerId);
      inventory.removeBroker(inventory.broker(brokerId));
    },
  };
  return { scan: await scan(folder, visitor), inventory, records };
}

export function damaged(folder: JournalFolder, { file, offset, reason }: Damage): UserError {
  return new UserError(
    "journal-damaged",
    `${file} in ${folder.path} is damaged at byte ${offset}: ${reason}`,
    `\`pubsub data check --repair --persist-to ${path.dirname(folder.path)}\` recovers what was written before it, and keeps the damaged file`,
  );
}

/**
 * Cuts off what a crash has left of the last write.
 * @throws {UserError} `journal-damaged`
 */
export async function mend(
  folder: JournalFolder,
  { scan: { damage, segments, tornBytes, unfinished }, inventory }: Recovered,
  log: (line: string) => void,
): Promise<void> {
  if (damage !== undefined) throw damaged(folder, damage);
  if (unfinished !== undefined) {
    await folder.remove(unfinished);
    await folder.sync();
  }
  const last = segments.at(-1);
  if (last === undefined || tornBytes === 0) return;
  const name = segmentFileName(last.header.number);
  const file = await folder.open(name);
  try {
    await file.truncate(last.end);
    await file.sync();
  } finally {
    await file.close();
  }
  inventory.grow(inventory.active, -tornBytes);
  log(`the last write to ${name} was not complete, and was never acknowledged: ${tornBytes} bytes are cut off`);
}
