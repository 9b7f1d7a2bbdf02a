import { type Handlers, findBroker } from "../handler.ts";

export const publicKeyHandlers: Handlers<"listPublicKeys"> = {
  listPublicKeys: ({ params }, dependencies) => {
    const { broker } = findBroker(dependencies, params);
    return { keys: broker.keys.map(({ publicJwk }) => publicJwk) };
  },
};
