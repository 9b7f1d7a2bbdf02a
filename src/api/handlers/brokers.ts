import { generateSigningKey } from "../../auth/index.ts";
import type { LimitSettings } from "../../broker/ports.ts";
import type { Broker } from "../../contract/types.ts";
import type { BrokerChanges, BrokerRecord, NamespaceRecord } from "../../store/index.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { etagOf, isMatch } from "../etag.ts";
import { ApiFailure } from "../failure.ts";
import { Created, type Handlers, findBroker, findNamespace } from "../handler.ts";

function publicBroker(dependencies: ApiDependencies, namespace: NamespaceRecord, broker: BrokerRecord): Broker {
  const { id, name, description, authType, expirationSeconds, onPublish, limits, createdOn, modifiedOn } = broker;
  const hookUrl = dependencies.workerUrl?.(id) ?? onPublish?.url;
  return {
    id,
    name,
    description,
    authType,
    auth_type: authType,
    created_on: createdOn,
    modified_on: modifiedOn,
    expiration: expirationSeconds,
    endpoint: dependencies.endpointFor(namespace.name, name),
    ...(hookUrl !== undefined && { on_publish: { url: hookUrl } }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

type AuthType = Broker["authType"];

interface SettingsInput {
  readonly description?: string | undefined;
  readonly expiration?: number | null | undefined;
  readonly on_publish?: { readonly url: string | null } | null | undefined;
  readonly limits?: LimitSettings | undefined;
}

function settingsOf(body: SettingsInput): BrokerChanges {
  const hook = body.on_publish;
  const url = hook?.url ?? null;
  return {
    description: body.description,
    expirationSeconds: body.expiration,
    limits: body.limits,
    onPublish: hook === undefined ? undefined : url === null ? null : { url },
  };
}

interface NewBrokerInput extends SettingsInput {
  readonly authType?: AuthType | undefined;
  readonly auth_type?: AuthType | undefined;
}

async function newBroker(body: NewBrokerInput, clock: ApiDependencies["clock"]) {
  const { authType = body.auth_type } = body;
  return { ...settingsOf(body), authType, keys: [await generateSigningKey(clock())] };
}

export const brokerHandlers: Handlers<
  "listBrokers" | "createBroker" | "ensureBroker" | "describeBroker" | "updateBroker" | "deleteBroker"
> = {
  listBrokers: ({ params }, dependencies) => {
    const namespace = findNamespace(dependencies, params);
    return dependencies.catalogue.brokers(namespace.id).map((broker) => publicBroker(dependencies, namespace, broker));
  },

  createBroker: async ({ params, body }, dependencies) => {
    const { catalogue, clock } = dependencies;
    const namespace = findNamespace(dependencies, params);
    const broker = await catalogue.createBroker({
      ...(await newBroker(body, clock)),
      namespaceId: namespace.id,
      name: body.name,
    });
    return publicBroker(dependencies, namespace, broker);
  },

  ensureBroker: async ({ params, body }, dependencies) => {
    const { catalogue, clock } = dependencies;
    const namespace = findNamespace(dependencies, params);
    const wanted = { ...(await newBroker(body, clock)), namespaceId: namespace.id, name: params.broker };
    const { record, isNew } = await catalogue.ensureBroker(wanted);
    const broker = publicBroker(dependencies, namespace, record);
    return isNew ? new Created(broker) : broker;
  },

  describeBroker: ({ params }, dependencies) => {
    const { namespace, broker } = findBroker(dependencies, params);
    return publicBroker(dependencies, namespace, broker);
  },

  updateBroker: async ({ params, body, ifMatch }, dependencies) => {
    const { namespace, broker } = findBroker(dependencies, params);
    if (ifMatch !== undefined && !isMatch(ifMatch, etagOf(publicBroker(dependencies, namespace, broker)))) {
      throw new ApiFailure("broker-changed");
    }
    const expected = ifMatch === undefined ? undefined : broker;
    const updated = await dependencies.catalogue.updateBroker(broker.id, settingsOf(body), expected);
    return publicBroker(dependencies, namespace, updated);
  },

  deleteBroker: async ({ params }, dependencies) => {
    await dependencies.catalogue.deleteBroker(findBroker(dependencies, params).broker.id);
    return null;
  },
};
