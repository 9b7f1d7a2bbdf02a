import { ulid } from "ulid";
import { createScramVerifier, currentKey, issueClientCertificate, issueToken } from "../../auth/index.ts";
import type { ClientCertificates } from "../../contract/types.ts";
import type { BrokerRecord } from "../../store/index.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, findBroker } from "../handler.ts";

/** Token without an end, whatever the broker says. */
const NEVER = -1;

/** The shorter of the broker's and the token's lifetime, in seconds. */
function lifetimeSeconds(brokersSeconds: number | null, tokensSeconds: number | undefined): number {
  if (tokensSeconds === NEVER) return Infinity;
  return Math.min(brokersSeconds ?? Infinity, tokensSeconds ?? Infinity);
}

async function issueCertificates(
  { clock, localCa }: ApiDependencies,
  broker: BrokerRecord,
  clientIds: readonly string[],
  claims: { readonly brokerHost: string; readonly topicAcl: readonly string[]; readonly expiresAtMs: number },
): Promise<ClientCertificates> {
  if (broker.authType === "TOKEN") {
    throw new ApiFailure("invalid-request", "type: the broker takes tokens only (its authType is TOKEN)");
  }
  const ca = localCa?.();
  if (ca === undefined) throw new ApiFailure("tls-is-off");
  const issued = clientIds.map(async (clientId) => {
    const certificate = await issueClientCertificate(ca, { ...claims, brokerId: broker.id, clientId }, clock());
    if (certificate === undefined) throw new ApiFailure("invalid-request", "topicAcl: is too long for a certificate");
    const { expiresAtMs, ...rest } = certificate;
    return [clientId, { ...rest, expires_on: new Date(expiresAtMs).toISOString() }] as const;
  });
  return Object.fromEntries(await Promise.all(issued));
}

export const credentialHandlers: Handlers<"issueCredentials"> = {
  issueCredentials: async ({ params, query }, dependencies) => {
    const { namespace, broker } = findBroker(dependencies, params);
    const { number, type, clientid, expiration, topicAcl, scram } = query;
    if (number !== undefined && clientid !== undefined && number !== clientid.length) {
      throw new ApiFailure("invalid-request", `number: is ${number}, but there are ${clientid.length} client ids`);
    }
    const nowMs = dependencies.clock();
    const newId = () => ulid(nowMs);
    const clientIds = clientid ?? Array.from({ length: number ?? 1 }, newId);
    const expiresAtMs = nowMs + lifetimeSeconds(broker.expirationSeconds, expiration) * 1000;
    if (type === "MTLS") {
      const brokerHost = new URL(dependencies.endpointFor(namespace.name, broker.name)).hostname;
      return await issueCertificates(dependencies, broker, clientIds, { brokerHost, topicAcl, expiresAtMs });
    }
    const key = currentKey(broker.keys);
    const tokens = await Promise.all(
      clientIds.map(async (clientId) => {
        const jti = newId();
        const names = { issuer: namespace.name, audience: broker.name };
        const times = { issuedAtMs: nowMs, expiresAtMs };
        const token = issueToken(key, { ...names, ...times, clientId, jti, topicAcl });
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
