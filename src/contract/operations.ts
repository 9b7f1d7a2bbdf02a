/** Every operation of the API: its route (routes.ts) with its schemas (one file per resource). Loads zod. */
import type { z } from "zod";
import { accountOperations } from "./accounts.ts";
import { analyticsOperations } from "./analytics.ts";
import { apiTokenOperations } from "./api-tokens.ts";
import { brokerOperations } from "./brokers.ts";
import { credentialOperations } from "./credentials.ts";
import type { ErrorName } from "./errors.ts";
import { eventOperations } from "./events.ts";
import { hookOperations } from "./hooks.ts";
import { logOperations } from "./logs.ts";
import { messageOperations } from "./messages.ts";
import { namespaceOperations } from "./namespaces.ts";
import { publicKeyOperations } from "./public-keys.ts";
import { retainedOperations } from "./retained.ts";
import { revocationOperations } from "./revocations.ts";
import type { OperationName, routes } from "./routes.ts";
import { sessionOperations } from "./sessions.ts";
import { statusOperations } from "./status.ts";

export interface Operation {
  /** One line, imperative. */
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Of the envelope's `result`; of a stream, of each event's data; of text, the text. */
  readonly result: z.ZodType;
  /** Besides those that any request can meet. */
  readonly errors: readonly ErrorName[];
}

/** How an operation's schemas have to be, given its route: the same query parameters, and a body where it takes one. */
type OperationFor<R> = Operation &
  (R extends { query: infer Query }
    ? { readonly query: { readonly shape: { readonly [Parameter in keyof Query]: unknown } } }
    : { readonly query?: never }) &
  (R extends { body: true } ? { readonly body: z.ZodObject } : { readonly body?: never });

/** What has no place in routes.ts: operations without a route, and query parameters that their route does not name. */
type Unrouted<Operations> =
  | Exclude<keyof Operations, OperationName>
  | {
      [Name in OperationName & keyof Operations]: Operations[Name] extends { query: { shape: infer Shape } }
        ? Exclude<keyof Shape, (typeof routes)[Name] extends { query: infer Query } ? keyof Query : never>
        : never;
    }[OperationName & keyof Operations];

/** Does not compile where routes and schemas differ. */
function agreeWithRoutes<const Operations extends { [Name in OperationName]: OperationFor<(typeof routes)[Name]> }>(
  operations: [Unrouted<Operations>] extends [never] ? Operations : { readonly unrouted: Unrouted<Operations> },
): Operations {
  return operations as Operations;
}

export const operations = agreeWithRoutes({
  ...namespaceOperations,
  ...brokerOperations,
  ...hookOperations,
  ...credentialOperations,
  ...revocationOperations,
  ...publicKeyOperations,
  ...messageOperations,
  ...retainedOperations,
  ...sessionOperations,
  ...eventOperations,
  ...logOperations,
  ...analyticsOperations,
  ...accountOperations,
  ...apiTokenOperations,
  ...statusOperations,
});
