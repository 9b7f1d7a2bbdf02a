/**
 * A journal in files: changes gather in memory, and are written and synced together while the next ones gather. Of what is kept it
 * knows only where it is: what it says is in the brokers' memory.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Journal, JournalRecord, KeptRecords, RecordId } from "../../broker/ports.ts";
import { BrokerJournal } from "./broker-journal.ts";
import { Changes } from "./changes.ts";
import { Compactor } from "./compactor.ts";
import type { JournalFolder } from "./files.ts";
import { newSalt, sealFrame, segmentFileName } from "./format.ts";
import { type BrokerEntry, type Inventory, Segment } from "./inventory.ts";
import { noRecords } from "./kept-records.ts";
import type { Recovered } from "./recovery.ts";
import { type Frame, SegmentWriter } from "./segment-writer.ts";
import { type Space, isOutOfRoom } from "./space.ts";
import type { CommitListener, JournalStatus, JournalStore } from "./store.ts";

/** When a commit counts as kept: `always` after fdatasync; otherwise when it is written, which survives the process but not a power cut. */
export type Fsync = { readonly mode: "always" | "os" } | { readonly mode: "interval"; readonly ms: number };

export interface FileJournalOptions {
  readonly fsync: Fsync;
  readonly segmentBytes: number;
  log(line: string): void;
  /** Called once where what was written may not be on the disk. Nothing is committed afterwards. */
  onFailure(error: Error): void;
}

interface Parts extends FileJournalOptions {
  readonly folder: JournalFolder;
  readonly space: Space;
  readonly recovered: Recovered;
}

export class FileJournal implements JournalStore {
  readonly #parts: Parts;
  readonly #inventory: Inventory;
  readonly #records: Recovered["records"];
  readonly #changes = new Changes();
  readonly #writer: SegmentWriter;
  readonly #compactor: Compactor;
  readonly #listeners = new Set<CommitListener>();
  readonly #syncTimer: NodeJS.Timeout | undefined;
  #sequence: number;
  /** The last frame that is known to survive a power cut. */
  #syncedSequence: number;
  #position = 0;
  #committed = 0;
  #running: Promise<void> | undefined;
  /** Closed, or failed: what comes now is not kept. */
  #isOver = false;
  /** The last frame says that everything before it is synced. */
  #isClean = true;
  /** When this is committed, nothing of the cleaned segment is needed. */
  #cleanedAt: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { folder, space, recovered, segmentBytes, fsync, log } = parts;
    this.#inventory = recovered.inventory;
    this.#records = recovered.records;
    this.#sequence = recovered.scan.sequence;
    this.#syncedSequence = this.#sequence;
    this.#writer = new SegmentWriter(folder, space);
    this.#compactor = new Compactor({
      folder,
      inventory: this.#inventory,
      segmentBytes,
      roomWhenFull: () => (space.isFull ? space.freeBytes : undefined),
      rewrite: (brokerId, id, entry) => this.#rewrite(brokerId, id, entry),
      log,
    });
    if (fsync.mode === "interval") this.#syncTimer = setInterval(() => void this.#syncSoon(), fsync.ms).unref();
  }

  /** To be called before anything else. */
  async open(): Promise<void> {
    const inventory = this.#inventory;
    if (inventory.segments.length === 0) inventory.addSegment(new Segment(1, newSalt(), 1));
    else await this.#writer.open(inventory.active);
    this.#parts.space.open();
  }

  get position(): number {
    return this.#position;
  }

  get committed(): number {
    return this.#committed;
  }

  get isFull(): boolean {
    return this.#parts.space.isFull;
  }

  journal(brokerId: string): Journal {
    return new BrokerJournal(this, this.#inventory.broker(brokerId));
  }

  restore(brokerId: string): KeptRecords {
    const records = this.#records.get(brokerId) ?? noRecords;
    this.#records.delete(brokerId);
    return records;
  }

  retainBrokers(brokerIds: ReadonlySet<string>): void {
    for (const broker of [...this.#inventory.brokers]) {
      if (brokerIds.has(broker.id)) continue;
      const before = this.#changes.length;
      if (broker.records > 0) this.#changes.removeBroker(broker.id);
      this.#inventory.removeBroker(broker);
      this.#records.delete(broker.id);
      this.#changed(before);
    }
  }

  watch(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): JournalStatus {
    const { records, diskBytes } = this.#inventory;
    return { isFull: this.isFull, records, bytes: diskBytes };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** Works until there is no garbage but in the last segment. */
  async compact(): Promise<void> {
    this.#compactor.beThorough();
    await (this.#running ??= this.#run());
  }

  /** Puts a record under an id that none has had. */
  import(brokerId: string, id: RecordId, record: JournalRecord): void {
    this.#put(this.#inventory.broker(brokerId), id, record);
  }

  add(broker: BrokerEntry, record: JournalRecord): RecordId {
    const id = this.#inventory.nextId++;
    if (!broker.isRemoved) this.#put(broker, id, record);
    return id;
  }

  replace(broker: BrokerEntry, id: RecordId, record: JournalRecord): void {
    if (!this.#inventory.has(id)) throw new Error(`there is no record ${id} to replace`);
    this.#put(broker, id, record);
  }

  remove(broker: BrokerEntry, id: RecordId): void {
    if (!this.#inventory.remove(broker, id)) throw new Error(`there is no record ${id} to remove`);
    const before = this.#changes.length;
    this.#changes.remove(broker.id, id);
    this.#changed(before);
  }

  #put(broker: BrokerEntry, id: RecordId, record: JournalRecord): void {
    const before = this.#changes.length;
    const start = this.#changes.put(broker.id, id, record);
    const { active } = this.#inventory;
    this.#inventory.put(broker, id, active, active.bytes + start, this.#changes.length - start);
    this.#changed(before);
  }

  #rewrite(brokerId: string, id: RecordId, entry: Buffer): void {
    const before = this.#changes.length;
    const start = this.#changes.copy(brokerId, entry);
    const { active } = this.#inventory;
    this.#inventory.put(this.#inventory.broker(brokerId), id, active, active.bytes + start, entry.length);
    this.#changed(before);
  }

  #changed(lengthBefore: number): void {
    this.#position += this.#changes.length - lengthBefore;
    if (this.#isOver) this.#changes.clear();
    else if (!this.#changes.isEmpty) this.#running ??= this.#run();
  }

  /** Commits until nothing is left to do. */
  async #run(): Promise<void> {
    try {
      do {
        // Never in the middle of a turn, of which a commit has everything or nothing.
        await nextTurn();
        await this.#step();
      } while (!this.#changes.isEmpty || (this.#compactor.isWanted && this.#closing === undefined));
      this.#running = undefined;
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #step(): Promise<void> {
    const frame = this.#changes.isEmpty ? undefined : this.#take();
    const read = this.#compactor.isWanted ? this.#compactor.read(frame?.bytes.length ?? 0) : undefined;
    if (frame !== undefined) await this.#commit(frame);
    await read;
    this.#parts.space.look();
    if (this.#cleanedAt !== undefined) {
      if (this.#committed >= this.#cleanedAt) await this.#dropOldest();
    } else if (read !== undefined) {
      while (this.#compactor.rewrite()) await nextTurn();
      if (this.#compactor.isCleaned) this.#cleanedAt = this.#position;
    }
  }

  #take(): Frame {
    const inventory = this.#inventory;
    const segment = inventory.active;
    const position = this.#position;
    const bytes = this.#changes.take();
    const sequence = ++this.#sequence;
    const frame: Frame = { bytes, segment, offset: segment.bytes, nextId: inventory.nextId, sequence, position };
    sealFrame(bytes, segment.salt, sequence, this.#syncedSequence);
    inventory.grow(segment, bytes.length);
    if (segment.bytes >= this.#parts.segmentBytes) {
      inventory.addSegment(new Segment(segment.number + 1, newSalt(), sequence + 1));
    }
    return frame;
  }

  async #commit(frame: Frame): Promise<void> {
    this.#isClean = false;
    await this.#writer.write(frame);
    this.#changes.recycle();
    if (this.#parts.fsync.mode === "always") await this.#sync(frame.sequence);
    // The background's sync may have failed meanwhile.
    if (this.#isOver) return;
    this.#committed = frame.position;
    for (const listener of this.#listeners) listener(frame.position);
  }

  async #sync(sequence: number): Promise<void> {
    await this.#writer.sync();
    this.#syncedSequence = Math.max(this.#syncedSequence, sequence);
  }

  /** In the background: commits go on. */
  async #syncSoon(): Promise<void> {
    const sequence = this.#writer.sequence;
    if (this.#isOver || sequence <= this.#syncedSequence) return;
    try {
      await this.#sync(sequence);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #dropOldest(): Promise<void> {
    if (this.#parts.fsync.mode !== "always") await this.#sync(this.#writer.sequence);
    this.#cleanedAt = undefined;
    await this.#compactor.finish();
    const { folder } = this.#parts;
    await folder.remove(segmentFileName(this.#inventory.segments[0]!.number));
    // One after the other: a segment must not come back without those that followed it.
    await folder.sync();
    this.#inventory.dropOldest();
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#changes.clear();
    if (this.#closing !== undefined && isOutOfRoom(error)) {
      const bytes = this.#position - this.#committed;
      this.#parts.log(`no room in ${this.#parts.folder.path}: ${bytes} bytes are lost that nobody was told are kept`);
    } else {
      this.#parts.onFailure(error);
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#syncTimer);
    await this.#parts.space.close();
    await this.#running;
    if (!this.#isOver && !this.#isClean) await this.#markEnd().catch((error: Error) => this.#fail(error));
    this.#isOver = true;
    await this.#compactor.close();
    await this.#writer.close();
  }

  /** An empty frame says that everything before it was synced: if that cannot be read one day, it is damaged and not torn. */
  async #markEnd(): Promise<void> {
    await this.#sync(this.#sequence);
    await this.#writer.write(this.#take());
    await this.#writer.sync();
  }
}
