/** What must be true between two inputs. */
import type { Broker } from "../../../src/broker/index.ts";
import { fail } from "../violation.ts";
import { type ModelSession, type Peer, type State, describe } from "./state.ts";

/** Everything that was due has come. */
export function checkDone(state: State, touched: Iterable<Peer>): void {
  for (const peer of touched) {
    if (peer.expected.length > 0) fail("not-answered", `${peer.name} is still to get ${JSON.stringify(peer.expected)}`);
    if (peer.isCloseDue && !peer.isClosed) fail("not-closed", `${peer.name} should be closed`);
  }
  const [unsubmitted] = state.toSubmit;
  if (unsubmitted !== undefined) fail("hook-bypassed", describe(unsubmitted.content));
  const [unnamed] = state.unnamed;
  if (unnamed !== undefined) fail("not-accepted", describe(unnamed));
  state.ended.clear();
  for (const session of state.sessions.values()) checkSent(state, session);
}

/** What can be sent has been sent. */
function checkSent(state: State, session: ModelSession): void {
  const { clientId, toResend, peer } = session;
  const mustNotWait = canTake(state, session);
  if (toResend[0] !== undefined && mustNotWait)
    fail("not-resent", `${clientId} waits for packet id ${toResend[0].packetId}`);
  const [first] = session.owed;
  if (first === undefined) return;
  // QoS 0 needs no quota, but waits for what may be before it: a server sends retained messages in any order.
  const isAlone = session.owed.every(({ qos }) => qos === 0);
  const isFree = isAlone && toResend.length === 0 && peer !== undefined && !peer.isCongested();
  if (mustNotWait || isFree) fail("not-delivered", `${clientId} waits for ${describe(first.content)}`);
}

/** Quota, limits and network would let one more message through. */
function canTake({ limits }: State, session: ModelSession): boolean {
  const { peer } = session;
  if (peer === undefined || peer.isCongested()) return false;
  const quota = Math.min(peer.receiveMaximum, limits.inflightMax);
  return peer.inflightCount < quota && session.inflight.length < limits.inflightMax;
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
    check(`messages sent again to ${who}`, session.resend?.length ?? 0, limits.inflightMax);
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
