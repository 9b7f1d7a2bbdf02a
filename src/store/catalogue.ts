/** What exists on this server: namespaces, brokers with their keys, and revoked tokens. */
import type { SigningKey } from "../auth/keys.ts";
import type { LimitSettings } from "../broker/ports.ts";
import type { ScramVerifier } from "../auth/scram.ts";
import { UserError } from "../errors.ts";
import type { HookSettings } from "../hooks/settings.ts";

export interface NamespaceRecord {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** In lower case; unique. */
  readonly name: string;
  /** Empty if there is none. */
  readonly description: string;
  /** RFC 3339 */
  readonly createdOn: string;
  /** RFC 3339 */
  readonly modifiedOn: string;
}

/** What can be changed. */
export interface BrokerSettings {
  /** Empty if there is none. */
  readonly description: string;
  /** Longest lifetime of a token; null if there is no limit. */
  readonly expirationSeconds: number | null;
  /** Of its on-publish hook; null where there are none. */
  readonly onPublish: HookSettings | null;
  readonly limits: LimitSettings;
}

/** How clients prove who they are: with a token, a certificate, or both for the same client id. */
export type AuthType = "TOKEN" | "MTLS" | "MTLS_AND_TOKEN";

export interface BrokerRecord extends BrokerSettings {
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly namespaceId: string;
  /** In lower case; unique within the namespace. */
  readonly name: string;
  readonly authType: AuthType;
  /** At least one; the last one signs, all verify. */
  readonly keys: readonly SigningKey[];
  /** RFC 3339 */
  readonly createdOn: string;
  /** RFC 3339 */
  readonly modifiedOn: string;
}

/** Lets a client in with SCRAM: what is known of its password, and what it may do. */
export interface ScramCredential extends ScramVerifier {
  readonly clientId: string;
  /** Of the token that is the password; revoking it revokes this. */
  readonly jti: string;
  readonly topicAcl: string | readonly string[];
  /** UNIX milliseconds; null if it does not end. */
  readonly expiresAtMs: number | null;
}

/** `write` includes `read`, and `admin` everything. */
export type ApiScope = "read" | "write" | "admin";

/** Lets somebody use the management API. */
export interface ApiTokenRecord {
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly scope: ApiScope;
  /** The only namespace that it is good for; null for all. It ends with the namespace. */
  readonly namespaceId: string | null;
  /** Of `hashApiToken`: the token itself is kept nowhere. */
  readonly hash: string;
  /** RFC 3339 */
  readonly createdOn: string;
}

export type NewApiToken = Omit<ApiTokenRecord, "id" | "createdOn">;

export interface NewNamespace {
  readonly name: string;
  readonly description?: string | undefined;
}

/** What is left out or undefined stays as it is, or is empty in something new. */
export type BrokerChanges = { readonly [Setting in keyof BrokerSettings]?: BrokerSettings[Setting] | undefined };

/** Changes, or what makes them of the record as it is when they are made. */
export type BrokerUpdate = BrokerChanges | ((before: BrokerRecord) => BrokerChanges);

export interface NewBroker extends BrokerChanges {
  readonly namespaceId: string;
  readonly name: string;
  readonly authType?: AuthType | undefined;
  readonly keys: readonly SigningKey[];
}

/** What was there, or has been created. */
export interface Ensured<Record> {
  readonly record: Record;
  readonly isNew: boolean;
}

/** Told after a change is kept, in the order of the changes. */
export type CatalogueEvent =
  | { readonly type: "namespace-created"; readonly namespace: NamespaceRecord }
  | { readonly type: "namespace-deleted"; readonly namespace: NamespaceRecord }
  | { readonly type: "api-token-created"; readonly apiToken: ApiTokenRecord }
  | { readonly type: "api-token-deleted"; readonly apiToken: ApiTokenRecord }
  | { readonly type: "broker-created"; readonly broker: BrokerRecord }
  | { readonly type: "broker-updated"; readonly broker: BrokerRecord; readonly before: BrokerRecord }
  | { readonly type: "broker-deleted"; readonly broker: BrokerRecord }
  /** Only those that were not revoked before. */
  | { readonly type: "tokens-revoked"; readonly brokerId: string; readonly jtis: ReadonlySet<string> }
  /** Only those that were revoked before. */
  | { readonly type: "tokens-unrevoked"; readonly brokerId: string; readonly jtis: ReadonlySet<string> };

export type CatalogueListener = (event: CatalogueEvent) => void;

export const NAMESPACES_MAX = 1000;
export const API_TOKENS_MAX = 1000;
export const BROKERS_PER_NAMESPACE_MAX = 1000;
/** Per broker. */
export const REVOCATIONS_MAX = 10_000;
/** Per broker. */
export const SCRAM_CREDENTIALS_MAX = 10_000;

export type CatalogueErrorCode =
  | "namespace-not-found"
  | "namespace-exists"
  | "namespace-differs"
  | "namespace-not-empty"
  | "too-many-namespaces"
  | "broker-not-found"
  | "broker-exists"
  | "broker-differs"
  | "broker-changed"
  | "too-many-brokers"
  | "api-token-not-found"
  | "too-many-api-tokens"
  | "too-many-revocations"
  | "too-many-scram-credentials"
  /** The change could not be written; everything is as before. `cause` says why. */
  | "storage-failed";

/** A change that the catalogue does not make. */
export class CatalogueError extends UserError {
  declare readonly code: CatalogueErrorCode;

  // Narrows the type of `code`.
  // oxlint-disable-next-line no-useless-constructor
  constructor(code: CatalogueErrorCode, message: string, hint?: string, options?: ErrorOptions) {
    super(code, message, hint, options);
  }
}

/**
 * Reading is synchronous and sees what is kept. A change resolves once it is kept, and rejects with a `CatalogueError`
 * if it is not made. Names are taken in any case.
 */
export interface Catalogue {
  /** Of the one account: 32 hexadecimal digits. */
  readonly accountId: string;

  /** In the order of creation. */
  namespaces(): readonly NamespaceRecord[];
  namespace(name: string): NamespaceRecord | undefined;
  namespaceById(id: string): NamespaceRecord | undefined;
  /** In the order of creation; of all namespaces where none is given. */
  brokers(namespaceId?: string): readonly BrokerRecord[];
  broker(namespaceId: string, name: string): BrokerRecord | undefined;
  brokerById(id: string): BrokerRecord | undefined;
  /** In the order of revocation. */
  revocations(brokerId: string): readonly string[];
  isRevoked(brokerId: string, jti: string): boolean;
  scramCredential(brokerId: string, clientId: string): ScramCredential | undefined;

  /** In the order of creation. */
  apiTokens(): readonly ApiTokenRecord[];
  apiToken(id: string): ApiTokenRecord | undefined;
  /** @param hash of `hashApiToken` */
  apiTokenByHash(hash: string): ApiTokenRecord | undefined;

  createNamespace(namespace: NewNamespace): Promise<NamespaceRecord>;
  /** Creates it unless it is there; fails with `namespace-differs` where it is there with other settings than those given. */
  ensureNamespace(namespace: NewNamespace): Promise<Ensured<NamespaceRecord>>;
  /** Fails with `namespace-not-empty` while it has brokers. API tokens that are good for it alone end with it. */
  deleteNamespace(id: string): Promise<void>;
  createBroker(broker: NewBroker): Promise<BrokerRecord>;
  /** Creates it unless it is there; fails with `broker-differs` where it is there with other settings than those given. */
  ensureBroker(broker: NewBroker): Promise<Ensured<BrokerRecord>>;
  /** @param expected the change is made only if this is still the record; fails with `broker-changed` if it is not */
  updateBroker(id: string, update: BrokerUpdate, expected?: BrokerRecord): Promise<BrokerRecord>;
  deleteBroker(id: string): Promise<void>;
  /** All or, beyond `REVOCATIONS_MAX`, none of them. */
  revoke(brokerId: string, jtis: Iterable<string>): Promise<void>;
  unrevoke(brokerId: string, jtis: Iterable<string>): Promise<void>;
  createApiToken(token: NewApiToken): Promise<ApiTokenRecord>;
  deleteApiToken(id: string): Promise<void>;
  /** One for each client id: a new one takes the place of the old. Those that have ended give way. */
  addScramCredentials(brokerId: string, credentials: readonly ScramCredential[]): Promise<void>;

  /** @returns a function that ends it */
  watch(listener: CatalogueListener): () => void;
  /** Waits for changes under way. No change may begin afterwards. */
  close(): Promise<void>;
}
