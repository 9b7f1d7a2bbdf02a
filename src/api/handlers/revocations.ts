import { ApiFailure } from "../failure.ts";
import { type Handlers, findBroker } from "../handler.ts";

function tokenIds(inQuery: readonly string[], inBody: readonly string[]): string[] {
  if (inQuery.length + inBody.length === 0) throw new ApiFailure("invalid-request", "jti: is required");
  return [...inQuery, ...inBody];
}

export const revocationHandlers: Handlers<"listRevocations" | "revoke" | "unrevoke"> = {
  listRevocations: ({ params }, dependencies) => [
    ...dependencies.catalogue.revocations(findBroker(dependencies, params).broker.id),
  ],

  // Clients that are connected with such a token are disconnected by the runtime, which watches the catalogue.
  revoke: async ({ params, query, body }, dependencies) => {
    await dependencies.catalogue.revoke(findBroker(dependencies, params).broker.id, tokenIds(query.jti, body.jtis));
    return null;
  },

  unrevoke: async ({ params, query, body }, dependencies) => {
    await dependencies.catalogue.unrevoke(findBroker(dependencies, params).broker.id, tokenIds(query.jti, body.jtis));
    return null;
  },
};
