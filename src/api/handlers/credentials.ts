import { ulid } from "ulid";
import { createScramVerifier, currentKey, issueToken } from "../../auth/index.ts";
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
    const { number, clientid, expiration, topicAcl, scram } = query;
    if (number !== undefined && clientid !== undefined && number !== clientid.length) {
      throw new ApiFailure("invalid-request", `number: is ${number}, but there are ${clientid.length} client ids`);
    }
    const nowMs = dependencies.clock();
    const newId = () => ulid(nowMs);
    const clientIds = clientid ?? Array.from({ length: number ?? 1 }, newId);
    const expiresAtMs = nowMs + lifetimeSeconds(broker.expirationSeconds, expiration) * 1000;
    const key = currentKey(broker.keys);
    const tokens = await Promise.all(
      clientIds.map(async (clientId) => {
        const jti = newId();
        const names = { issuer: namespace.name, audience: broker.name };
        const times = { issuedAtMs: nowMs, expiresAtMs };
        const token = await issueToken(key, { ...names, ...times, clientId, jti, topicAcl });
        return { clientId, jti, token };
      }),
    );
    if (scram === "true") {
      const credentials = tokens.map(async ({ clientId, jti, token }) => ({
        ...(await createScramVerifier(token)),
        clientId,
        jti,
        topicAcl,
        expiresAtMs: expiresAtMs === Infinity ? null : expiresAtMs,
      }));
      await dependencies.catalogue.addScramCredentials(broker.id, await Promise.all(credentials));
    }
    return Object.fromEntries(tokens.map(({ clientId, token }) => [clientId, token]));
  },
};
