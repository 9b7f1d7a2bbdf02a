/**
 * Every error of the management API, in one table. Plain data: the client maps numbers back to names without zod.
 *
 * Numbers below 17000 are Cloudflare's own, since its clients know some of them (wrangler prints 9109 plainly).
 */

export interface ErrorEntry {
  /** `errors[].code` of the envelope. */
  readonly code: number;
  /** HTTP status. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 412 | 413 | 500;
  /** For people; an operation may say it more exactly. */
  readonly message: string;
  /** What to do about it. Sent as `messages` of the envelope, which wrangler prints below the error. */
  readonly hint?: string;
}

const TOKEN_HINT = "pubsub dev prints the API token when it starts; pass it as Authorization: Bearer TOKEN";

export const apiErrors = {
  "not-authenticated": { code: 10000, status: 401, message: "Authentication error: no API token", hint: TOKEN_HINT },
  "wrong-api-token": { code: 9109, status: 403, message: "Invalid access token", hint: TOKEN_HINT },
  "host-not-allowed": {
    code: 17002,
    status: 403,
    message: "the Host header is not a name of this server",
    hint: "use 127.0.0.1 or localhost in the URL",
  },

  "scope-too-low": {
    code: 17004,
    status: 403,
    message: "the API token does not allow that",
    hint: "use one with that scope: pubsub api-token create NAME --scope SCOPE",
  },
  "namespace-not-allowed": {
    code: 17005,
    status: 403,
    message: "the API token is good for another namespace only",
    hint: "use one of that namespace, or one for all of them",
  },

  "no-such-route": { code: 7000, status: 404, message: "no route for that URI" },
  "method-not-allowed": { code: 7001, status: 405, message: "method not available for that URI" },
  "account-not-found": {
    code: 7003,
    status: 404,
    message: "no such account",
    hint:
      "GET /memberships tells the id of the one account of this server; " +
      "wrangler remembers that of another one in node_modules/.cache/wrangler, until CLOUDFLARE_ACCOUNT_ID says better",
  },

  "invalid-request": { code: 17000, status: 400, message: "invalid request" },
  "invalid-json": { code: 17001, status: 400, message: "the body is not JSON" },
  "body-too-large": { code: 17003, status: 413, message: "the body is larger than 1 MiB" },
  "api-token-not-found": {
    code: 17400,
    status: 404,
    message: "no such API token",
    hint: "pubsub api-token list shows those that exist",
  },
  "too-many-api-tokens": {
    code: 17401,
    status: 409,
    message: "the server has as many API tokens as it may",
    hint: "delete those that nobody needs",
  },
  "internal-error": {
    code: 17099,
    status: 500,
    message: "the server failed on this request",
    hint: "its log has the details",
  },
  "storage-failed": {
    code: 17098,
    status: 500,
    message: "the change could not be saved",
    hint: "see the server's log, and whether its data folder can be written",
  },

  "namespace-not-found": {
    code: 17100,
    status: 404,
    message: "no such namespace",
    hint: "pubsub namespace list shows those that exist",
  },
  "namespace-exists": {
    code: 17101,
    status: 409,
    message: "the namespace exists already",
    hint: "names are case-insensitive; choose another one",
  },
  "namespace-differs": {
    code: 17104,
    status: 409,
    message: "the namespace exists with other settings",
    hint: "leave the settings out that need not be so, or choose another name",
  },
  "namespace-not-empty": {
    code: 17102,
    status: 409,
    message: "the namespace still has brokers",
    hint: "delete its brokers first",
  },
  "too-many-namespaces": { code: 17103, status: 409, message: "the account has as many namespaces as it may" },

  "broker-not-found": {
    code: 17200,
    status: 404,
    message: "no such broker",
    hint: "pubsub broker list shows those that exist",
  },
  "broker-exists": {
    code: 17201,
    status: 409,
    message: "the broker exists already",
    hint: "names are case-insensitive; choose another one",
  },
  "broker-differs": {
    code: 17207,
    status: 409,
    message: "the broker exists with other settings",
    hint: "change it (pubsub broker update), or leave the settings out that need not be so",
  },
  "too-many-brokers": { code: 17202, status: 409, message: "the namespace has as many brokers as it may" },

  "retained-not-found": {
    code: 17203,
    status: 404,
    message: "no retained message on that topic",
    hint: "pubsub retained list shows the topics that have one",
  },
  "session-not-found": {
    code: 17204,
    status: 404,
    message: "no session of that client",
    hint: "pubsub session list shows those that exist",
  },

  "too-many-watchers": {
    code: 17205,
    status: 409,
    message: "64 event streams of the broker are open already",
    hint: "end some of those who watch it",
  },

  "broker-changed": {
    code: 17206,
    status: 412,
    message: "the broker is not as it was when the ETag in If-Match was given",
    hint: "describe it again, and repeat the change with its present ETag",
  },

  "message-not-known": {
    code: 17208,
    status: 404,
    message: "nothing is known of that message",
    hint: "messages are known while somebody watches the broker, as pubsub tail does, and for a minute afterwards, up to 10,000 events",
  },

  "tls-is-off": {
    code: 17302,
    status: 409,
    message: "the server has no TLS, and so no use for client certificates",
    hint: "start it without --no-tls",
  },
  "too-many-revocations": {
    code: 17300,
    status: 409,
    message: "a broker remembers at most 10,000 revoked tokens",
    hint: "unrevoke tokens that have expired",
  },

  "too-many-scram-credentials": {
    code: 17301,
    status: 409,
    message: "a broker keeps at most 10,000 SCRAM credentials",
    hint: "issue them with an expiration: those that have ended give way",
  },
} as const satisfies Record<string, ErrorEntry>;

/** Stable, for scripts: `code` of the errors that the client throws. */
export type ErrorName = keyof typeof apiErrors;
