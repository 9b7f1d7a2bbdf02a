/** From the files of a journal to what lives in it. */
import path from "node:path";
import { UserError } from "../../errors.ts";
import type { RecordId } from "../../broker/ports.ts";
import type { JournalFolder } from "./files.ts";
import { segmentFileName } from "./format.ts";
import { type BrokerEntry, Inventory, Segment } from "./inventory.ts";
import { FileRecords, SegmentReaders } from "./kept-records.ts";
import { type Damage, type ScanResult, type ScanVisitor, scan } from "./scan.ts";

export interface Recovered {
  readonly inventory: Inventory;
  /** Broker id → its records that live. */
  readonly records: Map<string, FileRecords>;
  readonly scan: ScanResult;
}

/** A broker while its entries are read. */
interface Reading {
  readonly broker: BrokerEntry;
  /** Of all records that were put, in the order of the files: most by growing ids, some twice, some gone since. */
  readonly ids: RecordId[];
}

/** Reads everything, and changes nothing. */
export async function readJournal(folder: JournalFolder): Promise<Recovered> {
  const inventory = new Inventory();
  const readers = new SegmentReaders();
  const found = new Map<string, Reading>();
  let latest: Reading | undefined;
  const of = (brokerId: string): Reading => {
    // Entries of one broker come one after the other.
    if (latest?.broker.id === brokerId) return latest;
    latest = found.get(brokerId);
    if (latest === undefined) found.set(brokerId, (latest = { broker: inventory.broker(brokerId), ids: [] }));
    return latest;
  };
  const visitor: ScanVisitor = {
    segment: (header, bytes) => {
      inventory.addSegment(new Segment(header.number, header.salt, header.firstSequence, bytes.length));
      inventory.nextId = Math.max(inventory.nextId, header.nextId);
      readers.add(header.number, bytes);
    },
    put: (brokerId, id, start, end) => {
      const { broker, ids } = of(brokerId);
      ids.push(id);
      inventory.put(broker, id, inventory.active, start, end - start);
    },
    remove: (brokerId, id) => {
      inventory.remove(of(brokerId).broker, id);
    },
    removeBroker: (brokerId) => {
      const { broker, ids } = of(brokerId);
      for (const id of ids) inventory.remove(broker, id);
      inventory.removeBroker(broker);
      found.delete(brokerId);
      latest = undefined;
    },
  };
  const result = await scan(folder, visitor);
  const records = new Map<string, FileRecords>();
  for (const [brokerId, { ids }] of found) records.set(brokerId, new FileRecords(ids, inventory, readers));
  readers.dropUnused();
  return { scan: result, inventory, records };
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
