/** What must be true between two inputs. */
import type { Broker } from "../../../src/broker/index.ts";
import { fail } from "../violation.ts";
import { forgetShared, mayHaveBeenTaken, wasDropped } from "./shared.ts";
import { type ModelSession, type Peer, type SharedDelivery, type State, describe } from "./state.ts";

/** Everything that was due has come. */
export function checkDone(state: State, touched: Iterable<Peer>): void {
  for (const peer of touched) {
    if (peer.expected.length > 0) fail("not-answered", `${peer.name} is still to get ${JSON.stringify(peer.expected)}`);
    if (peer.isCloseDue && !peer.isClosed) fail("not-closed", `${peer.name} should be closed`);
  }
  const [unsubmitted] = state.toSubmit;
  if (unsubmitted !== undefined) fail("hook-bypassed", describe(unsubmitted.content));
  state.ended.clear();
  for (const session of state.sessions.values()) checkSent(state, session);
  for (const shared of state.shared) checkShared(state, shared);
  forgetShared(state);
}

/** What can be sent has been sent. */
function checkSent(state: State, session: ModelSession): void {
  const { clientId, toResend, peer } = session;
  const mustNotWait = canTake(state, session);
  if (toResend[0] !== undefined && mustNotWait)
    fail("not-resent", `${clientId} waits for packet id ${toResend[0].packetId}`);
  const { owed } = session;
  const [first] = owed;
  if (first === undefined) return;
  // QoS 0 needs no quota, but waits for what may be before it.
  const isAlone = owed.every(({ qos }) => qos === 0) && !state.shared.some(({ candidates }) => candidates.has(session));
  const isFree = isAlone && toResend.length === 0 && peer !== undefined && !peer.isCongested();
  if (!mustNotWait && !isFree) return;
  if (wasDropped(state, session, first)) checkSent(state, session);
  else fail("not-delivered", `${clientId} waits for ${describe(first.content)}`);
}

/** Quota, limits and network would let one more message through. */
function canTake({ limits }: State, session: ModelSession): boolean {
  const { peer } = session;
  if (peer === undefined || peer.isCongested()) return false;
  const quota = Math.min(peer.receiveMaximum, limits.inflightMax);
  return peer.inflightCount < quota && session.inflight.length < limits.inflightMax;
}

/** If every member could take the message, one of them has got it. */
function checkShared(state: State, shared: SharedDelivery): void {
  const { candidates } = shared;
  const [first] = candidates.values();
  const sessions = [...candidates.keys()];
  if (first === undefined || shared.isUncertain || !sessions.every((session) => canTake(state, session))) return;
  if (mayHaveBeenTaken(state, shared)) return;
  fail("not-delivered", `none of ${sessions.map(({ clientId }) => clientId).join()} got ${describe(first.content)}`);
}

/** Memory: no queue is longer than its limit. */
export function checkBounds({ limits, sessions }: State, broker: Broker): void {
  const check = (what: string, size: number, limit: number): void => {
    if (size > limit) fail("unbounded", `${what}: ${size}, the limit is ${limit}`);
  };
  for (const session of broker.sessions.values()) {
    const who = JSON.stringify(session.clientId);
    check(`queue of ${who}`, session.queue.length, limits.queuedMessagesMax);
    check(`messages in flight to ${who}`, session.inflight.size, limits.inflightMax);
    check(`messages sent again to ${who}`, session.resend.length, limits.inflightMax);
    const { publishing } = sessions.get(session.clientId)!;
    if (session.publishing.length !== publishing.length)
      fail("state", `with hooks of ${who}: ${session.publishing.length}`);
    // Wills come on top: they are published when reading has stopped already.
    const published = publishing.filter(({ peer }) => peer !== undefined);
    check(`messages of ${who} that wait for hooks`, published.length, limits.pendingPublishesMax);
    check(`subscriptions of ${who}`, session.subscriptions.size, limits.subscriptionsPerSessionMax);
  }
  check("retained messages", broker.retained.size, limits.retainedMessagesMax);
}

/** The broker has the sessions, subscriptions and retained messages that it should have. */
export function checkSame(state: State, broker: Broker): void {
  const same = (what: string, actual: Iterable<string>, expected: Iterable<string>): void => {
    const [left, right] = [[...actual].toSorted().join(", "), [...expected].toSorted().join(", ")];
    if (left !== right) fail("state", `${what}: [${left}] instead of [${right}]`);
  };
  same("sessions", broker.sessions.keys(), state.sessions.keys());
  for (const [clientId, session] of state.sessions) {
    const keys = broker.sessions.get(clientId)!.subscriptions.keys();
    same(
      `subscriptions of ${clientId}`,
      keys,
      session.subscriptions.map(({ key }) => key),
    );
  }
  const retained: string[] = [];
  for (const filter of ["#", ...new Set([...state.retained.keys()].map((topic) => topic.split("/")[0]!))]) {
    if (filter !== "#" && !filter.startsWith("$")) continue;
    broker.retained.forEachMatch(filter === "#" ? "#" : `${filter}/#`, ({ topic, payload }) =>
      retained.push(`${topic}=${payload.toString("latin1")}`),
    );
  }
  const expected = [...state.retained.values()].map(({ topic, payload }) => `${topic}=${payload.toString("latin1")}`);
  same("retained messages", retained, expected);
}

/** After all sessions have ended and all retained messages were cleared. */
export function checkEmpty(state: State, broker: Broker): void {
  const sizes = {
    sessions: broker.sessions.size,
    connections: broker.connections.size,
    subscriptions: broker.subscriptions.size,
    deadlines: broker.deadlines.size,
    retained: broker.retained.size,
    retainedBytes: broker.retained.bytes,
    modelSessions: state.sessions.size,
    modelPeers: state.peers.size,
    modelRetained: state.retained.size,
  };
  const left = Object.entries(sizes).filter(([, size]) => size !== 0);
  if (left.length > 0) fail("left-behind", JSON.stringify(Object.fromEntries(left)));
}
