/** Sets the deadlines of connections and sessions. */
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { Session } from "./session.ts";

/** What happens at them: one function for all of a kind. */
export interface WhatIsDue {
  keepAlive(connection: Connection, now: number): void;
  tokenExpiry(connection: Connection, now: number): void;
  sessionExpiry(session: Session, now: number): void;
  willDelay(session: Session, now: number): void;
}

// Infinity is never, for all of them.

export function setKeepAlive({ deadlines, due }: Broker, connection: Connection, atMs: number): void {
  connection.keepAlive = deadlines.move(connection.keepAlive, atMs, connection, due.keepAlive);
}

export function setTokenExpiry({ deadlines, due }: Broker, connection: Connection, atMs: number): void {
  connection.tokenExpiry = deadlines.move(connection.tokenExpiry, atMs, connection, due.tokenExpiry);
}

export function setSessionExpiry({ deadlines, due }: Broker, session: Session, atMs: number): void {
  session.expiry = deadlines.move(session.expiry, atMs, session, due.sessionExpiry);
}

export function setWillDelay({ deadlines, due }: Broker, session: Session, atMs: number): void {
  session.willDelay = deadlines.move(session.willDelay, atMs, session, due.willDelay);
}
