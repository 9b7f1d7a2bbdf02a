/**
 * Messages for one member of a group. Who gets such a message is the broker's choice, and where several groups want the
 * same message, the copies that their members get look alike: which group a copy was for is found out by and by.
 */
import { type Delivery, type ModelSession, type SharedDelivery, type State, identityOf } from "./state.ts";

/** Messages that somebody got are remembered for as long as others of the same content may be under way. */
const TAKEN_MAX = 500;
const OPEN_MAX = 500;
/** What was dropped may have been another copy, which then seems to be owed for as long as its client is away. */
const DROPPED_MAX = 3000;

type Fits = (delivery: Delivery) => boolean;

/** The message that the session got as a member of a group, if it may have got one; it is not owed any more then. */
export function takeShared(state: State, session: ModelSession, fits: Fits, isDropped = false): Delivery | undefined {
  const shared = findShared(state, session, fits, new Set());
  return shared && take(state, shared, session, isDropped);
}

/**
 * A message that nobody has been booked on, or one that can be had by booking what its taker got on another one that
 * looks alike: an augmenting path.
 */
function findShared(
  state: State,
  session: ModelSession,
  fits: Fits,
  visited: Set<SharedDelivery>,
): SharedDelivery | undefined {
  const isCandidate = (shared: SharedDelivery): boolean => {
    const delivery = shared.candidates.get(session);
    return delivery !== undefined && fits(delivery);
  };
  // The oldest message first, and of its groups the one in which few others could have got it.
  const [open] = state.shared.filter(isCandidate).toSorted((a, b) => {
    const [left, right] = [a.candidates.get(session)!, b.candidates.get(session)!];
    const isSame = left.content === right.content;
    return isSame ? a.candidates.size - b.candidates.size : left.sequence - right.sequence;
  });
  if (open !== undefined) return open;
  for (const taken of state.sharedTaken.filter(isCandidate)) {
    if (visited.has(taken)) continue;
    visited.add(taken);
    if (taken.taker !== undefined && rebook(state, taken, taken.taker, visited)) return taken;
  }
  return undefined;
}

/** Books what the taker got, or did not get, on another delivery that it is owed. @returns false if there is none */
function rebook(
  state: State,
  { candidates, isDropped }: SharedDelivery,
  taker: ModelSession,
  visited: Set<SharedDelivery>,
): boolean {
  const theirs = candidates.get(taker);
  const isAlso = (other: Delivery): boolean => (isDropped ? isSame(other, theirs) : isAlike(other, theirs));
  const owed = taker.owed.find(isAlso);
  if (owed !== undefined) {
    if (isDropped) dropOwed(state, taker, owed);
    else taker.owed = taker.owed.filter((other) => other !== owed);
    return true;
  }
  const shared = findShared(state, taker, isAlso, visited);
  if (shared === undefined) return false;
  take(state, shared, taker, isDropped);
  return true;
}

/** True if what the session is owed was dropped, and the drop was booked on a group's message: now it is the other way. */
export function wasDropped(state: State, session: ModelSession, owed: Delivery): boolean {
  const booked = state.sharedTaken.find(
    ({ taker, isDropped, candidates }) => isDropped && taker === session && isSame(candidates.get(session), owed),
  );
  if (booked === undefined) return false;
  state.sharedTaken = state.sharedTaken.filter((other) => other !== booked);
  state.shared.push({ ...booked, taker: undefined, isDropped: false, isUncertain: true });
  dropOwed(state, session, owed);
  return true;
}

/** What was sent turns out to be another copy of the message than the one it was booked on. @returns the right one */
export function exchange(state: State, session: ModelSession, booked: Delivery, fits: Fits): Delivery {
  const other = session.inflight.find((entry) => entry.isVague && fits(entry.delivery));
  if (other !== undefined) {
    const { delivery } = other;
    other.delivery = booked;
    return delivery;
  }
  const owed = session.owed.find(fits);
  const right = owed ?? takeShared(state, session, fits);
  if (right === undefined) return booked;
  session.owed = session.owed.filter((one) => one !== owed);
  const taken = state.sharedTaken.find(({ candidates }) => candidates.get(session) === booked);
  if (taken === undefined) session.owed = [...session.owed, booked].toSorted((a, b) => a.sequence - b.sequence);
  else {
    state.sharedTaken = state.sharedTaken.filter((one) => one !== taken);
    state.shared.push({ ...taken, taker: undefined });
  }
  return right;
}

/** The broker said that it does not send this one: it may have meant another one like it. */
export function dropOwed(state: State, session: ModelSession, delivery: Delivery): void {
  session.owed = session.owed.filter((other) => other !== delivery);
  const dropped = { candidates: new Map([[session, delivery]]), isUncertain: false, taker: session, isDropped: true };
  remember(state, dropped);
}

/** True if one of the candidates got a copy that may have been this one, and was booked on another group. */
export function mayHaveBeenTaken(state: State, { candidates }: SharedDelivery): boolean {
  return state.sharedTaken.some(({ taker, candidates: others, isDropped }) => {
    if (taker === undefined) return false;
    const [one, other] = [candidates.get(taker), others.get(taker)];
    return isDropped ? isSame(one, other) : isAlike(one, other);
  });
}

function isSame(one: Delivery | undefined, other: Delivery | undefined): boolean {
  return one !== undefined && other !== undefined && identityOf(one.content) === identityOf(other.content);
}

function isAlike(one: Delivery | undefined, other: Delivery | undefined): boolean {
  return (
    isSame(one, other) &&
    one?.qos === other?.qos &&
    String(one?.identifiers) === String(other?.identifiers) &&
    one?.retain === other?.retain
  );
}

/** Forgets the oldest of those of which nobody can tell whether they are still to come. */
export function forgetShared(state: State): void {
  state.shared = state.shared.filter(({ candidates }) => candidates.size > 0);
  const uncertain = state.shared.filter(({ isUncertain }) => isUncertain);
  const forgotten = new Set(uncertain.slice(0, Math.max(0, uncertain.length - OPEN_MAX)));
  if (forgotten.size > 0) state.shared = state.shared.filter((shared) => !forgotten.has(shared));
}

function take(state: State, shared: SharedDelivery, session: ModelSession, isDropped: boolean): Delivery {
  shared.taker = session;
  shared.isDropped = isDropped;
  state.shared = state.shared.filter((other) => other !== shared);
  remember(state, shared);
  return shared.candidates.get(session)!;
}

function remember(state: State, shared: SharedDelivery): void {
  state.sharedTaken = state.sharedTaken.filter((other) => other !== shared);
  state.sharedTaken.push(shared);
  const { isDropped } = shared;
  const alike = state.sharedTaken.filter((other) => other.isDropped === isDropped);
  if (alike.length <= (isDropped ? DROPPED_MAX : TAKEN_MAX)) return;
  state.sharedTaken = state.sharedTaken.filter((other) => other !== alike[0]);
}
