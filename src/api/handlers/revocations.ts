import { type Handlers, findBroker } from "../handler.ts";

export const revocationHandlers: Handlers<"listRevocations" | "revoke" | "unrevoke"> = {
  listRevocations: ({ params }, dependencies) => [
    ...dependencies.catalogue.revocations(findBroker(dependencies, params).broker.id),
  ],

  // Clients that are connected with such a token are disconnected by the runtime, which watches the catalogue.
  revoke: async ({ params, query }, dependencies) => {
    await dependencies.catalogue.revoke(findBroker(dependencies, params).broker.id, query.jti);
    return null;
  },

  unrevoke: async ({ params, query }, dependencies) => {
    await dependencies.catalogue.unrevoke(findBroker(dependencies, params).broker.id, query.jti);
    return null;
  },
};
