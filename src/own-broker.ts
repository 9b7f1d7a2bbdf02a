/** Part of the composition root: the broker that a server sees to itself, so that its first client finds it. */
import { ulid } from "ulid";
import { currentKey, generateSigningKey, issueToken } from "./auth/index.ts";
import type { Input } from "./contract/types.ts";
import type { BrokerRecord, Catalogue } from "./store/index.ts";

export interface OwnBrokerOptions {
  readonly namespace: string;
  readonly broker: string;
  /** Changes of its on-publish hook, as the API takes them. They hold before the first message. */
  readonly onPublish?: Input<"updateBroker">["on_publish"] | undefined;
}

export interface OwnBroker {
  /** As the catalogue has them: in lower case. */
  readonly namespace: string;
  readonly broker: string;
  /** Of its on-publish hook. */
  readonly hookUrl: string | undefined;
  /** A token for a new client, as the management API would issue it. */
  issueToken(): { clientId: string; token: string };
}

/**
 * Makes it, and its namespace, where they are missing.
 * @throws {UserError} `invalid-request` for a hook that cannot be
 */
export async function openOwnBroker(catalogue: Catalogue, options: OwnBrokerOptions): Promise<OwnBroker> {
  const namespace =
    catalogue.namespace(options.namespace) ?? (await catalogue.createNamespace({ name: options.namespace }));
  const record =
    catalogue.broker(namespace.id, options.broker) ??
    (await catalogue.createBroker({
      namespaceId: namespace.id,
      name: options.broker,
      keys: [await generateSigningKey()],
    }));
  const { id, name, onPublish } = await withHook(catalogue, record, options.onPublish);
  return {
    namespace: namespace.name,
    broker: name,
    hookUrl: onPublish?.url,
    issueToken: () => {
      const { keys, expirationSeconds } = catalogue.brokerById(id)!;
      const nowMs = Date.now();
      const clientId = ulid(nowMs);
      const token = issueToken(currentKey(keys), {
        ...{ issuer: namespace.name, audience: name, clientId, jti: ulid(nowMs), topicAcl: "#" },
        ...{ issuedAtMs: nowMs, expiresAtMs: nowMs + (expirationSeconds ?? Infinity) * 1000 },
      });
      return { clientId, token };
    },
  };
}

async function withHook(
  catalogue: Catalogue,
  record: BrokerRecord,
  given: OwnBrokerOptions["onPublish"],
): Promise<BrokerRecord> {
  if (given === undefined) return record;
  // Loaded only where there is something to check.
  const { changedByGivenHook } = await import("./api/given-hook.ts");
  return await catalogue.updateBroker(record.id, { onPublish: changedByGivenHook(given, record.onPublish) });
}
