/** The catalogue's content as an immutable value, and its form as JSON. */
import type { ApiTokenRecord, BrokerRecord, NamespaceRecord, ScramCredential } from "./catalogue.ts";

/** Maps are in the order of creation. */
export interface CatalogueState {
  readonly accountId: string;
  /** By id. */
  readonly namespaces: ReadonlyMap<string, NamespaceRecord>;
  /** By id. */
  readonly brokers: ReadonlyMap<string, BrokerRecord>;
  /** Broker id → ids of its revoked tokens. Brokers without any are left out. */
  readonly revocations: ReadonlyMap<string, ReadonlySet<string>>;
  /** Broker id → client id → credential. Brokers without any are left out. */
  readonly scramCredentials: ReadonlyMap<string, ReadonlyMap<string, ScramCredential>>;
  /** By id. */
  readonly apiTokens: ReadonlyMap<string, ApiTokenRecord>;
}

export function emptyState(accountId: string): CatalogueState {
  return {
    accountId,
    namespaces: new Map(),
    brokers: new Map(),
    revocations: new Map(),
    scramCredentials: new Map(),
    apiTokens: new Map(),
  };
}

/** Every change of the form gets a new number, and code that reads the older ones. */
export const VERSION = 1;

/** One JSON document, indented: people may want to look into it. */
export function serializeState(state: CatalogueState): string {
  const document = {
    version: VERSION,
    accountId: state.accountId,
    namespaces: [...state.namespaces.values()],
    brokers: [...state.brokers.values()],
    revocations: Object.fromEntries([...state.revocations].map(([brokerId, jtis]) => [brokerId, [...jtis]])),
    scramCredentials: Object.fromEntries(
      [...state.scramCredentials].map(([brokerId, credentials]) => [brokerId, [...credentials.values()]]),
    ),
    apiTokens: [...state.apiTokens.values()],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
