import { randomBytes } from "node:crypto";
import {
  type ApiTokenRecord,
  type BrokerUpdate,
  type BrokerRecord,
  type Catalogue,
  CatalogueError,
  type CatalogueEvent,
  type CatalogueListener,
  type Ensured,
  type NamespaceRecord,
  type NewApiToken,
  type NewBroker,
  type NewNamespace,
  type ScramCredential,
} from "./catalogue.ts";
import * as changes from "./changes.ts";
import type { CatalogueState } from "./state.ts";

export interface PersistenceOptions {
  /** Keeps the state; called with one state at a time. Rejects where it is not kept. */
  readonly persist: (state: CatalogueState) => Promise<void>;
  /** UNIX milliseconds. */
  readonly now: () => number;
  /** Called once, after the last state was kept. */
  readonly onClose?: () => Promise<void>;
}

/** A change that waits until the state that contains it is kept. */
interface Pending {
  readonly event: CatalogueEvent | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function newId(): string {
  return randomBytes(16).toString("hex");
}

/**
 * Everything about a catalogue but where it is kept.
 *
 * Two states: readers see the one that is kept; changes build on the newest. Changes that come while one is being kept
 * are kept together with the next write. If a write fails, the changes it contains and those built on them are undone.
 */
export class PersistentCatalogue implements Catalogue {
  readonly #options: PersistenceOptions;
  readonly #listeners = new Set<CatalogueListener>();
  #kept: CatalogueState;
  #newest: CatalogueState;
  /** Name → id of what is kept: `namespace`, and `namespaceId/broker`. */
  #idsByName = new Map<string, string>();
  /** Hash → id of the API tokens that are kept. */
  #idsByHash = new Map<string, string>();
  #pending: Pending[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;

  constructor(state: CatalogueState, options: PersistenceOptions) {
    this.#options = options;
    this.#kept = state;
    this.#newest = state;
    this.#indexNames();
  }

  get accountId(): string {
    return this.#kept.accountId;
  }

  namespaces(): readonly NamespaceRecord[] {
    return [...this.#kept.namespaces.values()];
  }

  namespace(name: string): NamespaceRecord | undefined {
    return this.#kept.namespaces.get(this.#idsByName.get(name.toLowerCase()) ?? "");
  }

  namespaceById(id: string): NamespaceRecord | undefined {
    return this.#kept.namespaces.get(id);
  }

  brokers(namespaceId?: string): readonly BrokerRecord[] {
    const brokers = [...this.#kept.brokers.values()];
    return namespaceId === undefined ? brokers : brokers.filter((broker) => broker.namespaceId === namespaceId);
  }

  broker(namespaceId: string, name: string): BrokerRecord | undefined {
    return this.#kept.brokers.get(this.#idsByName.get(`${namespaceId}/${name.toLowerCase()}`) ?? "");
  }

  brokerById(id: string): BrokerRecord | undefined {
    return this.#kept.brokers.get(id);
  }

  revocations(brokerId: string): readonly string[] {
    return [...(this.#kept.revocations.get(brokerId) ?? [])];
  }

  isRevoked(brokerId: string, jti: string): boolean {
    return this.#kept.revocations.get(brokerId)?.has(jti) ?? false;
  }

  scramCredential(brokerId: string, clientId: string): ScramCredential | undefined {
    return this.#kept.scramCredentials.get(brokerId)?.get(clientId);
  }

  apiTokens(): readonly ApiTokenRecord[] {
    return [...this.#kept.apiTokens.values()];
  }

  apiToken(id: string): ApiTokenRecord | undefined {
    return this.#kept.apiTokens.get(id);
  }

  apiTokenByHash(hash: string): ApiTokenRecord | undefined {
    return this.#kept.apiTokens.get(this.#idsByHash.get(hash) ?? "");
  }

  createNamespace(namespace: NewNamespace): Promise<NamespaceRecord> {
    return this.#change((state, context) => changes.createNamespace(state, context, namespace));
  }

  ensureNamespace(namespace: NewNamespace): Promise<Ensured<NamespaceRecord>> {
    return this.#change((state, context) => changes.ensureNamespace(state, context, namespace));
  }

  deleteNamespace(id: string): Promise<void> {
    return this.#change((state) => changes.deleteNamespace(state, id));
  }

  createBroker(broker: NewBroker): Promise<BrokerRecord> {
    return this.#change((state, context) => changes.createBroker(state, context, broker));
  }

  ensureBroker(broker: NewBroker): Promise<Ensured<BrokerRecord>> {
    return this.#change((state, context) => changes.ensureBroker(state, context, broker));
  }

  updateBroker(id: string, update: BrokerUpdate, expected?: BrokerRecord): Promise<BrokerRecord> {
    return this.#change((state, { now }) => changes.updateBroker(state, now, id, update, expected));
  }

  deleteBroker(id: string): Promise<void> {
    return this.#change((state) => changes.deleteBroker(state, id));
  }

  revoke(brokerId: string, jtis: Iterable<string>): Promise<void> {
    return this.#change((state) => changes.revoke(state, brokerId, jtis));
  }

  unrevoke(brokerId: string, jtis: Iterable<string>): Promise<void> {
    return this.#change((state) => changes.unrevoke(state, brokerId, jtis));
  }

  addScramCredentials(brokerId: string, credentials: readonly ScramCredential[]): Promise<void> {
    return this.#change((state, { now }) => changes.addScramCredentials(state, now, brokerId, credentials));
  }

  createApiToken(token: NewApiToken): Promise<ApiTokenRecord> {
    return this.#change((state, context) => changes.createApiToken(state, context, token));
  }

  deleteApiToken(id: string): Promise<void> {
    return this.#change((state) => changes.deleteApiToken(state, id));
  }

  watch(listener: CatalogueListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#options.onClose?.();
  }

  async #change<Result>(
    change: (state: CatalogueState, context: changes.ChangeContext) => changes.Change<Result>,
  ): Promise<Result> {
    if (this.#closed) throw new Error("the catalogue is closed");
    const context = { id: newId(), now: new Date(this.#options.now()).toISOString() };
    const { state, event, result } = change(this.#newest, context);
    // Also where it changes nothing: what it relies on may still be on its way to the disk.
    await new Promise<void>((resolve, reject) => {
      this.#newest = state;
      this.#pending.push({ event, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
    return result;
  }

  async #writeAll(): Promise<void> {
    // Changes of the same turn go together.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const pending = this.#pending;
      this.#pending = [];
      const state = this.#newest;
      try {
        if (state !== this.#kept) await this.#options.persist(state);
      } catch (error) {
        this.#undo(pending, error);
        continue;
      }
      this.#kept = state;
      this.#indexNames();
      for (const { event, resolve } of pending) {
        if (event !== undefined) this.#tell(event);
        resolve();
      }
    }
    this.#writing = undefined;
  }

  #undo(pending: readonly Pending[], cause: unknown): void {
    const error = new CatalogueError("storage-failed", "the change could not be saved", undefined, { cause });
    for (const { reject } of [...pending, ...this.#pending]) reject(error);
    this.#pending = [];
    this.#newest = this.#kept;
  }

  #tell(event: CatalogueEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        // A programmer's error, which must not keep the change from the other listeners.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #indexNames(): void {
    this.#idsByHash = new Map([...this.#kept.apiTokens.values()].map(({ hash, id }) => [hash, id]));
    this.#idsByName = new Map();
    for (const { id, name } of this.#kept.namespaces.values()) this.#idsByName.set(name, id);
    for (const { id, namespaceId, name } of this.#kept.brokers.values())
      this.#idsByName.set(`${namespaceId}/${name}`, id);
  }
}
