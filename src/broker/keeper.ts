import type { Message } from "./message.ts";
import type { Journal, JournalRecord, RecordId } from "./ports.ts";
import type { Session } from "./session.ts";
import type { Route } from "./subscription-tree.ts";

const NOWHERE: Journal = { isFull: false, add: () => 0, replace: () => {}, remove: () => {} };

/**
 * Writes to the journal what a broker keeps. A message is written once, when the first session keeps it or it is retained,
 * and removed with the last reference to it.
 */
export class Keeper {
  #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** True while what would have to be kept is refused. */
  get isFull(): boolean {
    return this.#journal.isFull;
  }

  add(record: JournalRecord): RecordId {
    return this.#journal.add(record);
  }

  replace(id: RecordId, record: JournalRecord): void {
    this.#journal.replace(id, record);
  }

  remove(id: RecordId): void {
    this.#journal.remove(id);
  }

  /** Something more refers to the message. @returns the id of its record */
  refer(message: Message): RecordId {
    message.kept ??= { id: this.#journal.add({ type: "message", message }), references: 0 };
    message.kept.references++;
    return message.kept.id;
  }

  /** The id of the record of a message that something refers to. */
  idOf(message: Message): RecordId {
    return message.kept!.id;
  }

  /** What referred to the message does so no more. */
  release(message: Message): void {
    const { kept } = message;
    if (kept === undefined || --kept.references > 0) return;
    message.kept = undefined;
    this.#journal.remove(kept.id);
  }

  /** Takes over a message that was read from the journal, with what refers to it already. */
  adopt(message: Message, id: RecordId, references = 0): void {
    message.kept = { id, references };
  }

  /** Removes the message from the journal if it was adopted and nothing refers to it. */
  removeUnreferenced(message: Message): void {
    const { kept } = message;
    if (kept === undefined || kept.references > 0) return;
    message.kept = undefined;
    this.#journal.remove(kept.id);
  }

  /** From now on nothing is written: what is kept stays as it is. */
  stop(): void {
    this.#journal = NOWHERE;
  }

  /** True if taking over a message of a client would add to the journal. */
  wouldKeep(publisher: Session, message: Pick<Message, "payload" | "qos" | "retain">, route: Route): boolean {
    if (message.retain && message.payload.length > 0) return true;
    if (message.qos === 0) return false;
    if (message.qos === 2 && publisher.kept !== undefined) return true;
    return (
      route.entries.some(({ session, qos }) => qos > 0 && session.kept !== undefined) ||
      route.groups.some((group) => group.some(({ session, qos }) => qos > 0 && session.kept !== undefined))
    );
  }
}
