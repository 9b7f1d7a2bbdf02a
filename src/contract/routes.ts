/**
 * Where each operation of the management API lives: method, path and how its query is written. Plain data, so that the
 * client (and with it the command line) starts without loading zod. What the inputs may be, and what comes back, stands
 * in the resource files; operations.ts puts the two together and checks while compiling that they agree.
 *
 * The paths are those of Cloudflare Pub/Sub (design/cloudflare.md).
 */

/** Precedes every path. */
export const BASE_PATH = "/client/v4";

/**
 * How a query parameter is written: `text`, `integer` and `number` once, `list` repeated (`a=1&a=2`), `commaList` repeated or
 * separated by commas, or both.
 */
export type QueryKind = "text" | "integer" | "number" | "list" | "commaList";

/** What an API token allows: each includes the ones before it. */
export const apiScopes = ["read", "write", "admin"] as const;
export type ApiScope = (typeof apiScopes)[number];

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** What an API token must allow at least. */
  readonly scope: ApiScope;
  /** `{name}` stands for a path parameter. */
  readonly path: `/${string}`;
  readonly query?: Readonly<Record<string, QueryKind>>;
  /** Takes a JSON object as its body. */
  readonly body?: true;
  /** Answers have an ETag; changes take the header If-Match. */
  readonly etag?: true;
  /** Answers with server-sent events instead of the envelope; takes the header Last-Event-ID. */
  readonly stream?: true;
  /** Answers with text in the format that its caller asked for instead of the envelope; a POST takes text as its body. */
  readonly text?: true;
}

const NAMESPACES = "/accounts/{account}/pubsub/namespaces";
const NAMESPACE = `${NAMESPACES}/{namespace}` as const;
const BROKERS = `${NAMESPACE}/brokers` as const;
const BROKER = `${BROKERS}/{broker}` as const;

const ANALYTICS = "/accounts/{account}/analytics_engine/sql";

const PAGE = { page: "integer", per_page: "integer" } as const;

export const routes = {
  listNamespaces: { method: "GET", scope: "read", path: NAMESPACES, query: PAGE },
  createNamespace: { method: "POST", scope: "write", path: NAMESPACES, body: true },
  ensureNamespace: { method: "PUT", scope: "write", path: NAMESPACE, body: true },
  describeNamespace: { method: "GET", scope: "read", path: NAMESPACE },
  deleteNamespace: { method: "DELETE", scope: "write", path: NAMESPACE },

  listBrokers: { method: "GET", scope: "read", path: BROKERS, query: PAGE },
  createBroker: { method: "POST", scope: "write", path: BROKERS, body: true, etag: true },
  ensureBroker: { method: "PUT", scope: "write", path: BROKER, body: true, etag: true },
  describeBroker: { method: "GET", scope: "read", path: BROKER, etag: true },
  updateBroker: { method: "PATCH", scope: "write", path: BROKER, body: true, etag: true },
  deleteBroker: { method: "DELETE", scope: "write", path: BROKER },
  // Not a member of the broker: that is what was set, has an ETag, and is Cloudflare's.
  describeHook: { method: "GET", scope: "read", path: `${BROKER}/hook` },

  // A GET that makes tokens: so it is in the original. It changes nothing on the server.
  issueCredentials: {
    method: "GET",
    scope: "write",
    path: `${BROKER}/credentials`,
    query: {
      number: "integer",
      type: "text",
      clientid: "list",
      expiration: "integer",
      topicAcl: "list",
      scram: "text",
    },
  },
  listRevocations: { method: "GET", scope: "read", path: `${BROKER}/revocations` },
  revoke: { method: "POST", scope: "write", path: `${BROKER}/revocations`, query: { jti: "commaList" }, body: true },
  unrevoke: {
    method: "DELETE",
    scope: "write",
    path: `${BROKER}/revocations`,
    query: { jti: "commaList" },
    body: true,
  },
  listPublicKeys: { method: "GET", scope: "read", path: `${BROKER}/publickeys` },
  explainMessage: {
    method: "GET",
    scope: "read",
    path: `${BROKER}/messages/explanation`,
    query: { mid: "integer", client: "text" },
  },
  publishMessages: { method: "POST", scope: "write", path: `${BROKER}/messages`, body: true },
  listRetained: {
    method: "GET",
    scope: "read",
    path: `${BROKER}/retained`,
    query: { topic: "text", cursor: "text", limit: "integer" },
  },
  getRetained: { method: "GET", scope: "read", path: `${BROKER}/retained/message`, query: { topic: "text" } },
  deleteRetained: {
    method: "DELETE",
    scope: "write",
    path: `${BROKER}/retained`,
    query: { topic: "text", limit: "integer" },
  },

  listSessions: {
    method: "GET",
    scope: "read",
    path: `${BROKER}/sessions`,
    query: { connected: "text", cursor: "text", limit: "integer" },
  },
  // Client ids may be `.` and the like, which no path can hold.
  describeSession: {
    method: "GET",
    scope: "read",
    path: `${BROKER}/session`,
    query: { client: "text", cursor: "text", limit: "integer" },
  },
  kickSession: { method: "POST", scope: "write", path: `${BROKER}/session/kick`, body: true },

  events: {
    method: "GET",
    scope: "read",
    path: `${BROKER}/events`,
    query: {
      topic: "list",
      client: "list",
      event: "commaList",
      verdict: "commaList",
      search: "text",
      sampling_rate: "number",
      payload_bytes_max: "integer",
      since: "text",
    },
    stream: true,
  },

  // Cloudflare documents the POST; Grafana's plugins use the GET.
  queryAnalytics: { method: "POST", scope: "read", path: ANALYTICS, text: true },
  getAnalytics: { method: "GET", scope: "read", path: ANALYTICS, query: { query: "text" }, text: true },

  listMemberships: { method: "GET", scope: "read", path: "/memberships", query: PAGE },
  listAccounts: { method: "GET", scope: "read", path: "/accounts", query: PAGE },
  verifyApiToken: { method: "GET", scope: "read", path: "/user/tokens/verify" },
  listApiTokens: { method: "GET", scope: "admin", path: "/api-tokens", query: PAGE },
  createApiToken: { method: "POST", scope: "admin", path: "/api-tokens", body: true },
  deleteApiToken: { method: "DELETE", scope: "admin", path: "/api-tokens/{apiToken}" },
  status: { method: "GET", scope: "read", path: "/status" },
  listLogs: {
    method: "GET",
    scope: "admin",
    path: "/logs",
    query: { after: "integer", limit: "integer", wait_ms: "integer" },
  },
} as const satisfies Record<string, Route>;

export type OperationName = keyof typeof routes;
