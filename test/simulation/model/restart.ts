import { endSession, dismiss } from "./sessions.ts";
import type { State } from "./state.ts";

const NEVER = 0xffffffff;

/** The broker starts anew, with what it has kept. Connections that are there are gone without a word. */
export function restart(state: State, now: number): void {
  for (const peer of [...state.peers]) {
    peer.expected.length = 0;
    peer.isClosed = true;
    dismiss(state, peer);
  }
  for (const session of [...state.sessions.values()]) {
    const wasConnected = session.peer !== undefined;
    session.peer = undefined;
    session.toResend = [];
    // What waited for a hook was not acknowledged, and a will that did is lost.
    session.publishing = [];
    for (const [packetId, pending] of session.receivedQos2) {
      if (pending !== undefined) session.receivedQos2.delete(packetId);
    }
    session.owed = session.owed.filter(({ qos }) => qos > 0);
    if (session.expirySeconds === 0) {
      session.will = undefined;
      endSession(state, session, now);
    } else if (wasConnected) {
      if (session.will !== undefined) session.willDueMs = now + session.will.delayMs;
      if (session.expirySeconds !== NEVER) session.expiresAtMs = now + session.expirySeconds * 1000;
    }
  }
}
