/**
 * Where every message is at the end of an input: sent, dropped for a reason, or waiting in the queue of a session. Each copy
 * must be one that is owed, and each that is owed must have one copy. Which member of a group got a message is not guessed
 * but seen: it is the broker's choice, made in the input that brought the message, and its copy is somewhere.
 */
import type { Broker } from "../../../src/broker/index.ts";
import { fail } from "../violation.ts";
import {
  type Claim,
  type Delivery,
  type ModelSession,
  type SharedDelivery,
  type State,
  ascending,
  describe,
  isSameList,
} from "./state.ts";

type Queued = Broker["sessions"] extends Map<string, { queue: Iterable<infer T> }> ? T : never;

/** One copy of a message, wherever it is. */
interface Copy {
  readonly session: ModelSession;
  readonly id: number;
  /** The rule that it breaks if it is not owed, and for people. */
  readonly rule: string;
  readonly text: string;
  readonly fits: (delivery: Delivery) => boolean;
}

/** What must have one copy: what is owed to one session is like what is owed to one of several. */
type Demand = SharedDelivery;

export function reconcile(state: State, broker: Broker): void {
  const demands: Demand[] = state.shared;
  const sent = state.sentShared.map(sentCopy);
  const dropped = state.claims.filter(({ isNewest }) => !isNewest).map(droppedCopy);
  const refused = state.claims.filter(({ isNewest }) => isNewest).map(droppedCopy);
  const isQuiet = demands.length + sent.length + dropped.length + refused.length === 0;
  state.shared = [];
  state.sentShared = [];
  state.claims = [];
  const waiting = new Map<ModelSession, Copy[]>();
  for (const session of state.sessions.values()) {
    const { queue } = broker.sessions.get(session.clientId)!;
    // Where nothing speaks against it, it will do that as much waits as is owed.
    if (isQuiet && queue.length === session.owed.length) continue;
    waiting.set(session, Array.from(queue, waitingCopy(session)));
    for (const delivery of session.owed) demands.push(demandOf(session, delivery));
  }
  // Of one message to one session, in the order in which they were owed.
  const deliveries = pairAll(demands, [...sent, ...dropped, ...[...waiting.values()].flat(), ...refused]);
  for (const [session, own] of waiting) session.owed = own.map((copy) => deliveries.get(copy)!);
}

function demandOf(session: ModelSession, delivery: Delivery): Demand {
  return { content: delivery.content, candidates: new Map([[session, delivery]]), mayBeGone: false };
}

function sentCopy({ session, delivery }: State["sentShared"][number]): Copy {
  const text = `${JSON.stringify(session.clientId)} got ${describe(delivery.content)}`;
  return { session, id: delivery.content.id, rule: "not-owed", text, fits: (other) => isAlike(other, delivery) };
}

function droppedCopy({ session, id, text, isTrueOf }: Claim): Copy {
  return { session, id, rule: "unjustified-drop", text, fits: isTrueOf };
}

function waitingCopy(session: ModelSession): (queued: Queued) => Copy {
  return ({ message, qos, retain, subscriptionIdentifiers: identifiers = [] }) => {
    const text = `${describe(message)} waits for ${JSON.stringify(session.clientId)}`;
    const fits = (delivery: Delivery): boolean => isAlike(delivery, { qos, retain, identifiers });
    return { session, id: message.id, rule: "not-owed", text, fits };
  };
}

function isAlike(delivery: Delivery, look: Pick<Delivery, "qos" | "retain" | "identifiers">): boolean {
  return (
    delivery.qos === look.qos &&
    delivery.retain === look.retain &&
    isSameList(delivery.identifiers, ascending(look.identifiers))
  );
}

/** Finds what each copy was owed for, message by message. */
function pairAll(demands: readonly Demand[], copies: readonly Copy[]): Map<Copy, Delivery> {
  const byId = new Map<number, { demands: Demand[]; copies: Copy[] }>();
  const entry = (id: number): { demands: Demand[]; copies: Copy[] } => {
    const known = byId.get(id) ?? { demands: [], copies: [] };
    byId.set(id, known);
    return known;
  };
  for (const demand of demands) entry(demand.content.id).demands.push(demand);
  for (const copy of copies) entry(copy.id).copies.push(copy);
  const deliveries = new Map<Copy, Delivery>();
  for (const message of byId.values()) {
    const demandOf = pair(message.demands, message.copies);
    inOrder(message.copies, (copy) => demandOf.get(copy)!.candidates.get(copy.session)!, deliveries);
  }
  return deliveries;
}

/** Which one of deliveries that are alike a copy was does not matter to its client, but to the order: first come, first gone. */
function inOrder(copies: readonly Copy[], pairedWith: (copy: Copy) => Delivery, deliveries: Map<Copy, Delivery>): void {
  const left = copies.map((copy) => ({ session: copy.session, delivery: pairedWith(copy) }));
  left.sort((a, b) => a.delivery.sequence - b.delivery.sequence);
  for (const copy of copies) {
    const paired = pairedWith(copy);
    const index = left.findIndex(({ session, delivery }) => session === copy.session && isAlike(delivery, paired));
    deliveries.set(copy, left.splice(index, 1)[0]!.delivery);
  }
}

/**
 * Of one message: a matching between copies and what is owed, along augmenting paths. What was paired stays so, though
 * perhaps with another, so first what is owed gets its copies, then the copies that are left find what may be gone.
 */
function pair(demands: readonly Demand[], copies: readonly Copy[]): Map<Copy, Demand> {
  const demandOf = new Map<Copy, Demand>();
  const copyOf = new Map<Demand, Copy>();
  const book = (demand: Demand, copy: Copy): true => {
    demandOf.set(copy, demand);
    copyOf.set(demand, copy);
    return true;
  };
  const isFor = (copy: Copy, { candidates }: Demand): boolean => {
    const delivery = candidates.get(copy.session);
    return delivery !== undefined && copy.fits(delivery);
  };
  const findCopy = (demand: Demand, visited: Set<Copy>): boolean =>
    copies.some((copy) => {
      if (visited.has(copy) || !isFor(copy, demand)) return false;
      visited.add(copy);
      const other = demandOf.get(copy);
      return (other === undefined || findCopy(other, visited)) && book(demand, copy);
    });
  const findDemand = (copy: Copy, visited: Set<Demand>): boolean =>
    demands.some((demand) => {
      if (visited.has(demand) || !isFor(copy, demand)) return false;
      visited.add(demand);
      const other = copyOf.get(demand);
      return (other === undefined || findDemand(other, visited)) && book(demand, copy);
    });
  for (const demand of demands) {
    if (!demand.mayBeGone && !findCopy(demand, new Set())) failMissing(demand);
  }
  for (const copy of copies) {
    if (!demandOf.has(copy) && !findDemand(copy, new Set())) fail(copy.rule, copy.text);
  }
  return demandOf;
}

function failMissing({ content, candidates }: Demand): never {
  const names = [...candidates.keys()].map(({ clientId }) => JSON.stringify(clientId));
  const who = names.length === 1 ? names[0] : `one of ${names.join()}`;
  fail("not-delivered", `${describe(content)} should be with ${who}, and is not`);
}
