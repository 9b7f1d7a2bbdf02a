import { Broker } from "../../../src/broker/index.ts";
import { MapJournal, durableState } from "../../broker/map-journal.ts";
import { fail } from "../violation.ts";

/**
 * A second broker that reads what the first one wrote has the same state, and finds nothing that is of no use: at any
 * moment, since nobody knows when a process dies.
 */
export function checkRestorable(broker: Broker, journal: MapJournal, now: number): void {
  const kept = new MapJournal(journal.records);
  const restored = new Broker({
    limits: broker.limits,
    journal: kept,
    random: broker.random,
    authenticator: broker.authenticator,
  });
  const before = kept.records.size;
  restored.restore(kept.kept, now);
  if (kept.records.size !== before) fail("left-behind", `${before - kept.records.size} records are of no use`);
  const [is, wants] = [restored, broker].map((each) => JSON.stringify(durableState(each, now)));
  if (is === wants) return;
  let at = 0;
  while (is![at] === wants![at]) at++;
  const part = (text: string) => text.slice(Math.max(0, at - 200), at + 100);
  fail("not-restored", `restored …${part(is!)}…, but the broker has …${part(wants!)}…`);
}

/** After the last session. */
export function checkNothingKept(journal: MapJournal): void {
  if (journal.records.size === 0) return;
  fail("left-behind", `in the journal: ${JSON.stringify([...journal.records.values()].slice(0, 5))}`);
}
