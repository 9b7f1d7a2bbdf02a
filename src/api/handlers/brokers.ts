import { generateSigningKey } from "../../auth/index.ts";
import type { LimitSettings } from "../../broker/ports.ts";
import type { Broker } from "../../contract/types.ts";
import type { HookSettings } from "../../hooks/index.ts";
import type { BrokerChanges, BrokerRecord, NamespaceRecord } from "../../store/index.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { etagOf, isMatch } from "../etag.ts";
import { ApiFailure } from "../failure.ts";
import { type HookInput, changedHook, publicHook } from "../hook-settings.ts";
import { Created, type Handlers, findBroker, findNamespace } from "../handler.ts";

function publicBroker(dependencies: ApiDependencies, namespace: NamespaceRecord, broker: BrokerRecord): Broker {
  const { id, name, description, authType, expirationSeconds, onPublish, limits, createdOn, modifiedOn } = broker;
  const hook = publicHook(onPublish, dependencies.workerUrl?.(id));
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
    ...(hook !== undefined && { on_publish: hook }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

type AuthType = Broker["authType"];

interface SettingsInput {
  readonly description?: string | undefined;
  readonly expiration?: number | null | undefined;
  readonly on_publish?: HookInput | undefined;
  readonly limits?: LimitSettings | undefined;
}

function settingsOf(body: SettingsInput, before?: HookSettings | null): BrokerChanges {
  return {
    description: body.description,
    expirationSeconds: body.expiration,
    limits: body.limits,
    onPublish: body.on_publish === undefined ? undefined : changedHook(body.on_publish, before ?? null),
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
    const update = (before: BrokerRecord) => settingsOf(body, before.onPublish);
    const updated = await dependencies.catalogue.updateBroker(broker.id, update, expected);
    return publicBroker(dependencies, namespace, updated);
  },

  deleteBroker: async ({ params }, dependencies) => {
    await dependencies.catalogue.deleteBroker(findBroker(dependencies, params).broker.id);
    return null;
  },
};
