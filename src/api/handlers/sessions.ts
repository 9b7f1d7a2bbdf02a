import type { SessionSummary } from "../../contract/types.ts";
import type { SessionView } from "../../runtime/index.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, inspectBroker } from "../handler.ts";

function publicSession({ connection, ...session }: SessionView): SessionSummary {
  return {
    clientId: session.clientId,
    connected: connection !== undefined,
    ...(connection !== undefined && { connection: publicConnection(connection) }),
    sessionExpiryInterval: session.expiryIntervalSeconds,
    ...(session.expiresAtMs !== Infinity && { expires_on: new Date(session.expiresAtMs).toISOString() }),
    subscriptions: session.subscriptionCount,
    queuedMessages: session.queuedMessages,
    queuedBytes: session.queuedBytes,
    inflightMessages: session.inflightMessages,
    hasWill: session.hasWill,
  };
}

function publicConnection({
  tokenId,
  connectedAtMs,
  ...connection
}: NonNullable<SessionView["connection"]>): NonNullable<SessionSummary["connection"]> {
  return {
    ...connection,
    ...(tokenId !== undefined && { jti: tokenId }),
    connected_on: new Date(connectedAtMs).toISOString(),
  };
}

function noSession(client: string): ApiFailure {
  return new ApiFailure("session-not-found", `no session of the client ${client}`);
}

export const sessionHandlers: Handlers<"listSessions" | "describeSession" | "kickSession"> = {
  listSessions: ({ params, query: { connected, cursor, limit } }, dependencies) => {
    const isConnected = connected && connected === "true";
    const { entries, next } = inspectBroker(dependencies, params).sessions(isConnected, { after: cursor, limit });
    return { sessions: entries.map(publicSession), ...(next !== undefined && { cursor: next }) };
  },

  describeSession: ({ params, query: { client, cursor, limit } }, dependencies) => {
    const broker = inspectBroker(dependencies, params);
    const session = broker.session(client);
    const page = broker.subscriptions(client, { after: cursor, limit });
    if (session === undefined || page === undefined) throw noSession(client);
    const filters = page.entries.map(({ key, qos, noLocal, retainAsPublished, identifier }) => ({
      topicFilter: key,
      qos,
      noLocal,
      retainAsPublished,
      ...(identifier !== 0 && { subscriptionIdentifier: identifier }),
    }));
    return { ...publicSession(session), filters, ...(page.next !== undefined && { cursor: page.next }) };
  },

  kickSession: async ({ params, body: { client, endSession } }, dependencies) => {
    const kicked = await inspectBroker(dependencies, params).kick(client, endSession);
    if (kicked === undefined) throw noSession(client);
    return { disconnected: kicked.wasConnected, sessionEnded: kicked.sessionEnded };
  },
};
