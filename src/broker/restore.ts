import type { Broker } from "./broker.ts";
import { setSessionExpiry, setWillDelay } from "./due.ts";
import type { Keeper } from "./keeper.ts";
import { KeptSession } from "./kept-session.ts";
import { createSession, expiryMs } from "./lifecycle.ts";
import { RestoredMessages } from "./restored-messages.ts";
import type { JournalRecord, KeptRecords, RecordId, WaitingMessage } from "./ports.ts";
import type { Session } from "./session.ts";
import { parseFilter } from "./topics.ts";

type RecordOf<Type extends JournalRecord["type"]> = Extract<JournalRecord, { type: Type }>;

/** What the records read so far have become. */
interface Restored {
  readonly broker: Broker;
  readonly keeper: Keeper;
  readonly sessions: Map<RecordId, Session>;
  readonly messages: RestoredMessages;
}

/**
 * Builds a broker's state from its records. References point to earlier records. Those that refer to nothing, and messages
 * to which nothing refers, are removed from the journal.
 */
export function restore(broker: Broker, records: KeptRecords, now: number): void {
  const { keeper } = broker;
  if (keeper === undefined) throw new Error("a broker without a journal has nothing to restore");
  const messages = new RestoredMessages(keeper, (place) => records.readWaiting(place));
  const restored: Restored = { broker, keeper, sessions: new Map(), messages };
  for (const [id, record] of records.withWaiting()) {
    if (!restoreRecord(restored, id, record, now)) keeper.remove(id);
  }
  messages.complete();
}

/** @returns false if the record is of no use */
function restoreRecord(restored: Restored, id: RecordId, record: JournalRecord | WaitingMessage, now: number): boolean {
  switch (record.type) {
    case "session":
      return restoreSession(restored, id, record, now);
    case "subscription":
      return restoreSubscription(restored, id, record);
    case "message":
      restored.broker.passMessageId(record.message.id);
      restored.messages.push(id, record.message);
      return true;
    case "waiting":
      restored.broker.passMessageId(record.id);
      restored.messages.pushWaiting(id, record);
      return true;
    case "retained": {
      const index = restored.messages.find(record.message);
      if (index !== -1) restored.broker.retained.restore(restored.messages.get(index), id);
      return index !== -1;
    }
    case "delivery":
      return restoreDelivery(restored, id, record);
    case "received": {
      const session = restored.sessions.get(record.session);
      session?.receivedQos2.set(record.packetId, undefined);
      session?.kept?.adoptReceived(record.packetId, id);
      return session !== undefined;
    }
  }
}

function restoreSession(
  { broker, keeper, sessions }: Restored,
  id: RecordId,
  record: RecordOf<"session">,
  now: number,
): boolean {
  const { clientId, expiryIntervalSeconds, will, endsAtMs, willDueAtMs } = record;
  if (broker.sessions.has(clientId)) return false;
  const session = createSession(broker, clientId);
  session.expiryIntervalSeconds = expiryIntervalSeconds;
  session.will = will;
  session.kept = new KeptSession(keeper, session, id);
  sessions.set(id, session);
  setSessionExpiry(broker, session, endsAtMs ?? now + expiryMs(expiryIntervalSeconds));
  if (will !== undefined) setWillDelay(broker, session, willDueAtMs ?? now + will.delaySeconds * 1000);
  // It was connected: its times have only now been set.
  if (endsAtMs === undefined) session.kept.update();
  return true;
}

function restoreSubscription({ broker, sessions }: Restored, id: RecordId, record: RecordOf<"subscription">): boolean {
  const { key, qos, noLocal, retainAsPublished, identifier } = record;
  const session = sessions.get(record.session);
  const parsed = parseFilter(key);
  if (session === undefined || parsed === undefined) return false;
  const subscription = { session, key, ...parsed, qos, noLocal, retainAsPublished, identifier, recordId: id };
  session.addSubscription(subscription);
  broker.subscriptions.add(subscription);
  return true;
}

function restoreDelivery(
  { keeper, sessions, messages }: Restored,
  id: RecordId,
  record: RecordOf<"delivery">,
): boolean {
  const { qos, retain, subscriptionIdentifiers, packetId, released } = record;
  const session = sessions.get(record.session);
  const index = messages.find(record.message);
  if (session === undefined || index === -1) return false;
  if (packetId === 0 && subscriptionIdentifiers === undefined) {
    session.requeueRestored(messages, index, qos, retain, id);
    return true;
  }
  const message = messages.get(index);
  keeper.refer(message);
  if (packetId === 0) {
    session.requeue({ message, qos, retain, subscriptionIdentifiers, recordId: id });
  } else {
    const countsAgainstQuota = false;
    const rest = { qos, retain, subscriptionIdentifiers, released, countsAgainstQuota, recordId: id };
    session.inflight.restore({ packetId, message, ...rest });
  }
  return true;
}
