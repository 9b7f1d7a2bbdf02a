/** What changes to a catalogue do: pure functions from a state to the next one and what there is to tell about it. */
import { isDeepStrictEqual } from "node:util";
import {
  API_TOKENS_MAX,
  type ApiTokenRecord,
  BROKERS_PER_NAMESPACE_MAX,
  type BrokerRecord,
  type BrokerUpdate,
  CatalogueError,
  type CatalogueEvent,
  NAMESPACES_MAX,
  type Ensured,
  type NamespaceRecord,
  type NewApiToken,
  type NewBroker,
  type NewNamespace,
  REVOCATIONS_MAX,
  SCRAM_CREDENTIALS_MAX,
  type ScramCredential,
} from "./catalogue.ts";
import type { CatalogueState } from "./state.ts";

/** What a change needs besides its input. */
export interface ChangeContext {
  /** A new id. */
  readonly id: string;
  /** RFC 3339 */
  readonly now: string;
}

export interface Change<Result> {
  readonly state: CatalogueState;
  /** Absent where the change changes nothing. */
  readonly event?: CatalogueEvent;
  readonly result: Result;
}

function withEntry<Value>(map: ReadonlyMap<string, Value>, key: string, value: Value): ReadonlyMap<string, Value> {
  return new Map(map).set(key, value);
}

function withoutEntry<Value>(map: ReadonlyMap<string, Value>, key: string): ReadonlyMap<string, Value> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function requireNamespace(state: CatalogueState, id: string): NamespaceRecord {
  const namespace = state.namespaces.get(id);
  if (namespace === undefined) throw new CatalogueError("namespace-not-found", "the namespace does not exist");
  return namespace;
}

function requireBroker(state: CatalogueState, id: string): BrokerRecord {
  const broker = state.brokers.get(id);
  if (broker === undefined) throw new CatalogueError("broker-not-found", "the broker does not exist");
  return broker;
}

function brokersOf(state: CatalogueState, namespaceId: string): BrokerRecord[] {
  return [...state.brokers.values()].filter((broker) => broker.namespaceId === namespaceId);
}

function namespaceNamed(state: CatalogueState, name: string): NamespaceRecord | undefined {
  return [...state.namespaces.values()].find((namespace) => namespace.name === name.toLowerCase());
}

function brokerNamed(state: CatalogueState, namespaceId: string, name: string): BrokerRecord | undefined {
  return brokersOf(state, namespaceId).find((broker) => broker.name === name.toLowerCase());
}

export function createNamespace(
  state: CatalogueState,
  { id, now }: ChangeContext,
  input: NewNamespace,
): Change<NamespaceRecord> {
  const name = input.name.toLowerCase();
  if (namespaceNamed(state, name) !== undefined) {
    throw new CatalogueError("namespace-exists", `the namespace ${name} exists already`);
  }
  if (state.namespaces.size >= NAMESPACES_MAX) {
    throw new CatalogueError("too-many-namespaces", `there are ${NAMESPACES_MAX} namespaces already`);
  }
  const namespace = { id, name, description: input.description ?? "", createdOn: now, modifiedOn: now };
  return {
    state: { ...state, namespaces: withEntry(state.namespaces, id, namespace) },
    event: { type: "namespace-created", namespace },
    result: namespace,
  };
}

export function deleteNamespace(state: CatalogueState, id: string): Change<void> {
  const namespace = requireNamespace(state, id);
  const count = brokersOf(state, id).length;
  if (count > 0) {
    const brokers = count === 1 ? "a broker" : `${count} brokers`;
    throw new CatalogueError("namespace-not-empty", `the namespace ${namespace.name} still has ${brokers}`);
  }
  return {
    state: {
      ...state,
      namespaces: withoutEntry(state.namespaces, id),
      apiTokens: new Map([...state.apiTokens].filter(([, { namespaceId }]) => namespaceId !== id)),
    },
    event: { type: "namespace-deleted", namespace },
    result: undefined,
  };
}

export function createBroker(
  state: CatalogueState,
  { id, now }: ChangeContext,
  input: NewBroker,
): Change<BrokerRecord> {
  const namespace = requireNamespace(state, input.namespaceId);
  const name = input.name.toLowerCase();
  if (brokerNamed(state, namespace.id, name) !== undefined) {
    throw new CatalogueError("broker-exists", `the broker ${name} exists already in the namespace ${namespace.name}`);
  }
  if (brokersOf(state, namespace.id).length >= BROKERS_PER_NAMESPACE_MAX) {
    throw new CatalogueError("too-many-brokers", `the namespace has ${BROKERS_PER_NAMESPACE_MAX} brokers already`);
  }
  const broker: BrokerRecord = {
    id,
    namespaceId: namespace.id,
    name,
    description: input.description ?? "",
    authType: input.authType ?? "TOKEN",
    expirationSeconds: input.expirationSeconds ?? null,
    onPublish: input.onPublish ?? null,
    limits: input.limits ?? {},
    keys: input.keys,
    createdOn: now,
    modifiedOn: now,
  };
  return {
    state: { ...state, brokers: withEntry(state.brokers, id, broker) },
    event: { type: "broker-created", broker },
    result: broker,
  };
}

export function ensureNamespace(
  state: CatalogueState,
  context: ChangeContext,
  input: NewNamespace,
): Change<Ensured<NamespaceRecord>> {
  const found = namespaceNamed(state, input.name);
  if (found === undefined) return asNew(createNamespace(state, context, input));
  const differing = namesOfDifferences(found, { description: input.description });
  if (differing !== "") {
    throw new CatalogueError("namespace-differs", `the namespace ${found.name} exists with another ${differing}`);
  }
  return { state, result: { record: found, isNew: false } };
}

export function ensureBroker(
  state: CatalogueState,
  context: ChangeContext,
  input: NewBroker,
): Change<Ensured<BrokerRecord>> {
  const found = brokerNamed(state, requireNamespace(state, input.namespaceId).id, input.name);
  if (found === undefined) return asNew(createBroker(state, context, input));
  const { description, authType, expirationSeconds: expiration, onPublish: on_publish, limits } = input;
  const settings = { ...found, expiration: found.expirationSeconds, on_publish: found.onPublish };
  const differing = namesOfDifferences(settings, { description, authType, expiration, on_publish, limits });
  if (differing !== "") {
    throw new CatalogueError("broker-differs", `the broker ${found.name} exists with another ${differing}`);
  }
  return { state, result: { record: found, isNew: false } };
}

function asNew<Result>({ result, ...change }: Change<Result>): Change<Ensured<Result>> {
  return { ...change, result: { record: result, isNew: true } };
}

/** Of the values that are wanted, `undefined` being none: `expiration, limits`; empty where all are as they are wanted. */
function namesOfDifferences<Settings extends object>(
  found: Settings,
  wanted: { readonly [Name in keyof Settings]?: Settings[Name] | undefined },
): string {
  return Object.entries(wanted)
    .filter(([name, value]) => value !== undefined && !isDeepStrictEqual(value, found[name as keyof Settings]))
    .map(([name]) => name)
    .join(", ");
}

export function updateBroker(
  state: CatalogueState,
  now: string,
  id: string,
  update: BrokerUpdate,
  expected?: BrokerRecord,
): Change<BrokerRecord> {
  const before = requireBroker(state, id);
  if (expected !== undefined && before !== expected) {
    throw new CatalogueError("broker-changed", `the broker ${before.name} has changed meanwhile`);
  }
  const changes = typeof update === "function" ? update(before) : update;
  const { description = before.description, expirationSeconds = before.expirationSeconds } = changes;
  const { onPublish = before.onPublish, limits = before.limits } = changes;
  const unchanged =
    description === before.description &&
    expirationSeconds === before.expirationSeconds &&
    JSON.stringify(onPublish) === JSON.stringify(before.onPublish) &&
    JSON.stringify(limits) === JSON.stringify(before.limits);
  if (unchanged) return { state, result: before };
  const broker = { ...before, description, expirationSeconds, onPublish, limits, modifiedOn: now };
  return {
    state: { ...state, brokers: withEntry(state.brokers, id, broker) },
    event: { type: "broker-updated", broker, before },
    result: broker,
  };
}

export function deleteBroker(state: CatalogueState, id: string): Change<void> {
  const broker = requireBroker(state, id);
  return {
    state: {
      ...state,
      brokers: withoutEntry(state.brokers, id),
      revocations: withoutEntry(state.revocations, id),
      scramCredentials: withoutEntry(state.scramCredentials, id),
    },
    event: { type: "broker-deleted", broker },
    result: undefined,
  };
}

export function revoke(state: CatalogueState, brokerId: string, jtis: Iterable<string>): Change<void> {
  requireBroker(state, brokerId);
  const revoked = state.revocations.get(brokerId) ?? new Set();
  const added = new Set([...jtis].filter((jti) => !revoked.has(jti)));
  if (added.size === 0) return { state, result: undefined };
  if (revoked.size + added.size > REVOCATIONS_MAX) {
    throw new CatalogueError(
      "too-many-revocations",
      `a broker remembers at most ${REVOCATIONS_MAX} revoked tokens; this one has ${revoked.size}`,
    );
  }
  return {
    state: { ...state, revocations: withEntry(state.revocations, brokerId, new Set([...revoked, ...added])) },
    event: { type: "tokens-revoked", brokerId, jtis: added },
    result: undefined,
  };
}

export function unrevoke(state: CatalogueState, brokerId: string, jtis: Iterable<string>): Change<void> {
  requireBroker(state, brokerId);
  const revoked = state.revocations.get(brokerId) ?? new Set();
  const removed = new Set([...jtis].filter((jti) => revoked.has(jti)));
  if (removed.size === 0) return { state, result: undefined };
  const left = new Set([...revoked].filter((jti) => !removed.has(jti)));
  return {
    state: {
      ...state,
      revocations:
        left.size === 0 ? withoutEntry(state.revocations, brokerId) : withEntry(state.revocations, brokerId, left),
    },
    event: { type: "tokens-unrevoked", brokerId, jtis: removed },
    result: undefined,
  };
}

export function addScramCredentials(
  state: CatalogueState,
  now: string,
  brokerId: string,
  added: readonly ScramCredential[],
): Change<void> {
  requireBroker(state, brokerId);
  const nowMs = Date.parse(now);
  const before = state.scramCredentials.get(brokerId)?.values() ?? [];
  const credentials = new Map(
    [...before, ...added]
      .filter(({ expiresAtMs }) => expiresAtMs === null || expiresAtMs > nowMs)
      .map((credential) => [credential.clientId, credential]),
  );
  if (credentials.size > SCRAM_CREDENTIALS_MAX) {
    throw new CatalogueError(
      "too-many-scram-credentials",
      `a broker keeps at most ${SCRAM_CREDENTIALS_MAX} SCRAM credentials`,
    );
  }
  const scramCredentials = withEntry(state.scramCredentials, brokerId, credentials);
  return { state: { ...state, scramCredentials }, result: undefined };
}

export function createApiToken(
  state: CatalogueState,
  { id, now }: ChangeContext,
  input: NewApiToken,
): Change<ApiTokenRecord> {
  if (input.namespaceId !== null) requireNamespace(state, input.namespaceId);
  if (state.apiTokens.size >= API_TOKENS_MAX) {
    throw new CatalogueError("too-many-api-tokens", `there are ${API_TOKENS_MAX} API tokens already`);
  }
  const apiToken: ApiTokenRecord = { ...input, id, createdOn: now };
  return {
    state: { ...state, apiTokens: withEntry(state.apiTokens, id, apiToken) },
    event: { type: "api-token-created", apiToken },
    result: apiToken,
  };
}

export function deleteApiToken(state: CatalogueState, id: string): Change<void> {
  const apiToken = state.apiTokens.get(id);
  if (apiToken === undefined) throw new CatalogueError("api-token-not-found", `no API token ${id}`);
  return {
    state: { ...state, apiTokens: withoutEntry(state.apiTokens, id) },
    event: { type: "api-token-deleted", apiToken },
    result: undefined,
  };
}
