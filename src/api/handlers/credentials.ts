import { ulid } from "ulid";
import { currentKey, issueToken } from "../../auth/index.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, findBroker } from "../handler.ts";

/** Token without an end, whatever the broker says. */
const NEVER = -1;

/** The shorter of the broker's and the token's lifetime, in seconds. */
function lifetimeSeconds(brokersSeconds: number | null, tokensSeconds: number | undefined): number {
  if (tokensSeconds === NEVER) return Infinity;
  return Math.min(brokersSeconds ?? Infinity, tokensSeconds ?? Infinity);
}

export const credentialHandlers: Handlers<"issueCredentials"> = {
  issueCredentials: async ({ params, query }, dependencies) => {
    const { namespace, broker } = findBroker(dependencies, params);
    const { number, clientid, expiration, topicAcl } = query;
    if (number !== undefined && clientid !== undefined && number !== clientid.length) {
      throw new ApiFailure("invalid-request", `number: is ${number}, but there are ${clientid.length} client ids`);
    }
    const nowMs = dependencies.clock();
    const newId = () => ulid(nowMs);
    const clientIds = clientid ?? Array.from({ length: number ?? 1 }, newId);
    const expiresAtMs = nowMs + lifetimeSeconds(broker.expirationSeconds, expiration) * 1000;
    const key = currentKey(broker.keys);
    const tokens = await Promise.all(
      clientIds.map((clientId) =>
        issueToken(key, {
          issuer: namespace.name,
          audience: broker.name,
          clientId,
          jti: newId(),
          topicAcl,
          issuedAtMs: nowMs,
          expiresAtMs,
        }),
      ),
    );
    return Object.fromEntries(clientIds.map((clientId, i) => [clientId, tokens[i]!]));
  },
};
