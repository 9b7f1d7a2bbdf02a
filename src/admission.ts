/** Who may enter which broker: finds the broker that a CONNECT is for, and checks its credentials. */
import { createAcl, readUnverifiedToken, verifyToken, type TokenFailureKind } from "./auth/index.ts";
import type { AuthenticationResult, Principal } from "./broker/ports.ts";
import { type Auth, type Connect, PacketType, ReasonCode } from "./codec/index.ts";
import type { NotLocated, Stream } from "./runtime/index.ts";
import type { BrokerRecord, Catalogue } from "./store/index.ts";

export interface BrokerName {
  readonly namespace: string;
  readonly broker: string;
}

export interface AdmissionOptions {
  readonly catalogue: Catalogue;
  /** The broker that clients without credentials may enter, from this machine only. */
  readonly anonymous: BrokerName | undefined;
  /** UNIX milliseconds. */
  readonly now: () => number;
}

const ANYONE: Principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };

export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Which broker a CONNECT is for: the one that the transport names, the token's `iss` and `aud`, or the anonymous one.
   * Where several speak, they must agree.
   */
  locate(connect: Connect, stream: Stream): BrokerRecord | NotLocated {
    const { addressed } = stream;
    const token = tokenOf(connect);
    if (token === undefined) {
      const name = addressed ?? (this.#mayBeAnonymous(stream) ? this.#options.anonymous : undefined);
      return name === undefined
        ? refusal(ReasonCode.NotAuthorized, "credentials are needed: a token in the password")
        : this.#find(name);
    }
    const named = brokerOfToken(token);
    if (named === undefined) return refusal(ReasonCode.BadUserNameOrPassword, "the password is not a token");
    if (addressed !== undefined && !isSame(addressed, named)) {
      const { namespace, broker } = named;
      return refusal(ReasonCode.NotAuthorized, `the token is for another broker, ${broker} in namespace ${namespace}`);
    }
    return this.#find(named);
  }

  /** Checks the credentials of a CONNECT that `locate` found to be for this broker. */
  async check(brokerId: string, packet: Connect | Auth, stream: Stream): Promise<AuthenticationResult> {
    const { catalogue, now } = this.#options;
    if (packet.properties?.authenticationMethod !== undefined || packet.type !== PacketType.CONNECT) {
      // [MQTT-4.12.0-1]
      return { ok: false, ...refusal(ReasonCode.BadAuthenticationMethod, "no enhanced authentication is supported") };
    }
    const connect = packet;
    const broker = catalogue.brokerById(brokerId);
    const namespace = broker && catalogue.namespaceById(broker.namespaceId);
    if (broker === undefined || namespace === undefined) {
      return { ok: false, ...refusal(ReasonCode.NotAuthorized, "the broker was deleted") };
    }
    const token = tokenOf(connect);
    if (token === undefined) {
      return this.#isAnonymous(namespace.name, broker.name) && this.#mayBeAnonymous(stream)
        ? { ok: true, principal: ANYONE }
        : { ok: false, ...refusal(ReasonCode.NotAuthorized, "credentials are needed: a token in the password") };
    }
    const result = await verifyToken(token, {
      keys: broker.keys,
      issuer: namespace.name,
      audience: broker.name,
      isRevoked: (jti) => catalogue.isRevoked(brokerId, jti),
      nowMs: now(),
    });
    if (!result.ok) return { ok: false, ...refusal(reasonCodeOf(result.kind), result.reason) };
    const { clientId, jti, expiresAtMs, topicAcl } = result.claims;
    return { ok: true, principal: { clientId, tokenId: jti, expiresAtMs, acl: createAcl(topicAcl) } };
  }

  #find({ namespace, broker }: BrokerName): BrokerRecord | NotLocated {
    const { catalogue } = this.#options;
    const namespaceId = catalogue.namespace(namespace)?.id;
    const record = namespaceId === undefined ? undefined : catalogue.broker(namespaceId, broker);
    return record ?? refusal(ReasonCode.NotAuthorized, `there is no broker ${broker} in a namespace ${namespace}`);
  }

  #isAnonymous(namespace: string, broker: string): boolean {
    const { anonymous } = this.#options;
    return anonymous !== undefined && isSame(anonymous, { namespace, broker });
  }

  /** A web page of another site could reach a broker on this machine through the browser of whoever visits it. */
  #mayBeAnonymous(stream: Stream): boolean {
    return this.#options.anonymous !== undefined && stream.isLoopback && stream.isSameSite;
  }
}

function tokenOf(connect: Connect): string | undefined {
  const { password } = connect;
  return password === undefined || password.length === 0 ? undefined : password.toString("utf8");
}

function brokerOfToken(token: string): BrokerName | undefined {
  const claims = readUnverifiedToken(token)?.claims;
  if (claims === undefined) return undefined;
  const { iss, aud } = claims;
  return typeof iss === "string" && typeof aud === "string" ? { namespace: iss, broker: aud } : undefined;
}

function isSame(one: BrokerName, other: BrokerName): boolean {
  return (
    one.namespace.toLowerCase() === other.namespace.toLowerCase() &&
    one.broker.toLowerCase() === other.broker.toLowerCase()
  );
}

/** What cannot be a token of ours is bad credentials; what is one, and does not hold here or now, is not authorized. */
function reasonCodeOf(kind: TokenFailureKind): ReasonCode {
  return kind === "malformed" || kind === "bad-signature" ? ReasonCode.BadUserNameOrPassword : ReasonCode.NotAuthorized;
}

function refusal(reasonCode: ReasonCode, reason: string): NotLocated {
  return { reasonCode, reason };
}
