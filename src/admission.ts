/** Who may enter which broker: finds the broker that a CONNECT is for, and checks its credentials. */
import {
  SCRAM_METHOD,
  ScramExchange,
  type TokenFailureKind,
  createAcl,
  readUnverifiedToken,
  verifyToken,
} from "./auth/index.ts";
import type { AuthenticationChallenge, AuthenticationResult, Principal } from "./broker/ports.ts";
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
  /** SCRAM exchanges under way. */
  readonly #exchanges = new WeakMap<Stream, ScramExchange>();
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
    if (connect.properties?.authenticationMethod !== undefined) {
      const name = addressed ?? brokerOfUserName(connect.username);
      const only = name === undefined ? this.#onlyBroker() : undefined;
      if (only !== undefined) return only;
      return name === undefined
        ? refusal(ReasonCode.NotAuthorized, "name the broker in the user name of CONNECT: <namespace>/<broker>")
        : this.#find(name);
    }
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
  async check(
    brokerId: string,
    packet: Connect | Auth,
    stream: Stream,
  ): Promise<AuthenticationResult | AuthenticationChallenge> {
    if (packet.properties?.authenticationMethod !== undefined) return this.#checkScram(brokerId, packet, stream);
    if (packet.type !== PacketType.CONNECT) return failure(ReasonCode.ProtocolError, "AUTH without a method");
    return this.#checkToken(brokerId, packet, stream);
  }

  async #checkToken(brokerId: string, connect: Connect, stream: Stream): Promise<AuthenticationResult> {
    const { catalogue, now } = this.#options;
    const broker = catalogue.brokerById(brokerId);
    const namespace = broker && catalogue.namespaceById(broker.namespaceId);
    if (broker === undefined || namespace === undefined) {
      return failure(ReasonCode.NotAuthorized, "the broker was deleted");
    }
    const token = tokenOf(connect);
    if (token === undefined) {
      return this.#isAnonymous(namespace.name, broker.name) && this.#mayBeAnonymous(stream)
        ? { ok: true, principal: ANYONE }
        : failure(ReasonCode.NotAuthorized, "credentials are needed: a token in the password");
    }
    const result = await verifyToken(token, {
      keys: broker.keys,
      issuer: namespace.name,
      audience: broker.name,
      isRevoked: (jti) => catalogue.isRevoked(brokerId, jti),
      nowMs: now(),
    });
    if (!result.ok) return failure(reasonCodeOf(result.kind), result.reason);
    const { clientId, jti, expiresAtMs, topicAcl } = result.claims;
    return { ok: true, principal: { clientId, tokenId: jti, expiresAtMs, acl: createAcl(topicAcl) } };
  }

  /** CONNECT, or AUTH that begins again, has client-first-message; the other AUTH has client-final-message. */
  #checkScram(
    brokerId: string,
    packet: Connect | Auth,
    stream: Stream,
  ): AuthenticationResult | AuthenticationChallenge {
    const { catalogue, now } = this.#options;
    const { authenticationMethod, authenticationData } = packet.properties!;
    if (authenticationMethod !== SCRAM_METHOD) {
      // [MQTT-4.12.0-1]
      return failure(ReasonCode.BadAuthenticationMethod, `the authentication method is not ${SCRAM_METHOD}`);
    }
    const data = authenticationData ?? Buffer.alloc(0);
    const begun = this.#exchanges.get(stream);
    this.#exchanges.delete(stream);
    if (packet.type === PacketType.CONNECT || packet.reasonCode === ReasonCode.Reauthenticate) {
      const exchange = new ScramExchange((userName) => catalogue.scramCredential(brokerId, userName));
      const challenge = exchange.begin(data);
      if (challenge === undefined) return failure(ReasonCode.BadUserNameOrPassword, "not a SCRAM client-first-message");
      this.#exchanges.set(stream, exchange);
      return { challenge };
    }
    if (begun === undefined) return failure(ReasonCode.ProtocolError, "no SCRAM exchange has begun");
    const outcome = begun.finish(data);
    if (!outcome.ok) return failure(ReasonCode.BadUserNameOrPassword, outcome.reason);
    const credential = catalogue.scramCredential(brokerId, outcome.userName);
    if (credential === undefined || catalogue.isRevoked(brokerId, credential.jti)) {
      return failure(ReasonCode.NotAuthorized, "the token was revoked");
    }
    const { clientId, jti, topicAcl } = credential;
    const expiresAtMs = credential.expiresAtMs ?? Infinity;
    if (expiresAtMs <= now()) return failure(ReasonCode.NotAuthorized, "the token expired");
    return {
      ok: true,
      principal: { clientId, tokenId: jti, expiresAtMs, acl: createAcl(topicAcl) },
      data: outcome.data,
    };
  }

  /** Without a token or an address, where there is one broker only it is meant. */
  #onlyBroker(): BrokerRecord | undefined {
    const brokers = this.#options.catalogue.brokers();
    return brokers.length === 1 ? brokers[0] : undefined;
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

/** `<namespace>/<broker>` in the user name of CONNECT, where an enhanced authentication leaves it free. */
function brokerOfUserName(userName: string | undefined): BrokerName | undefined {
  const [namespace, broker, ...rest] = (userName ?? "").split("/");
  return namespace && broker && rest.length === 0 ? { namespace, broker } : undefined;
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

function failure(reasonCode: ReasonCode, reason: string): AuthenticationResult {
  return { ok: false, reasonCode, reason };
}

function refusal(reasonCode: ReasonCode, reason: string): NotLocated {
  return { reasonCode, reason };
}
