/** What brokers keep of sessions, messages and retained messages: the interface of its implementations. */
import type { Journal, KeptRecords } from "../../broker/ports.ts";

/** Told when more is kept, with the position up to which everything is. */
export type CommitListener = (committed: number) => void;

export interface JournalStatus {
  /** True while there is no room on the disk. */
  readonly isFull: boolean;
  /** Records that live. */
  readonly records: number;
  /** Bytes on the disk. */
  readonly bytes: number;
}

/**
 * The journals of all brokers of a server. Changes take effect in their order; those between two turns of the event loop are
 * kept together or not at all.
 */
export interface JournalStore {
  /** Bytes of all changes since it was opened: it grows with each change. */
  readonly position: number;
  /** Everything up to here is kept: `position - committed` are the bytes that are still in memory only. */
  readonly committed: number;
  /** The journal that a broker writes. Ids are unique among all brokers of the store. */
  journal(brokerId: string): Journal;
  /** What is kept of a broker, by growing ids. Read before the broker's first change, once: it is handed over, not copied. */
  restore(brokerId: string): KeptRecords;
  /** Removes the records of all brokers but these: those that were deleted. Changes in their journals are ignored from now on. */
  retainBrokers(brokerIds: ReadonlySet<string>): void;
  /** @returns a function that ends it */
  watch(listener: CommitListener): () => void;
  status(): JournalStatus;
  /** Keeps what is not kept yet. No change may follow. */
  close(): Promise<void>;
}
