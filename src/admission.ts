/** Who may enter which broker: finds the broker that a CONNECT is for, and checks its credentials. */
import {
  SCRAM_METHOD,
  ScramExchange,
  type TokenFailureKind,
  TokenVerifier,
  createAcl,
  readClientCertificate,
  readUnverifiedToken,
} from "./auth/index.ts";
import type { LocalCa } from "./auth/local-ca.ts";
import type { Acl, AuthenticationChallenge, AuthenticationResult, Principal } from "./broker/ports.ts";
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
  /** The authority that issues clients' certificates, once it is there. */
  readonly ca?: () => LocalCa | undefined;
  /** UNIX milliseconds. */
  readonly now: () => number;
}

const ANYONE: Principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };

export class Admission {
  /** SCRAM exchanges under way. */
  readonly #exchanges = new WeakMap<Stream, ScramExchange>();
  /** Of the certificates that connections were let in with. */
  readonly #certificateIds = new WeakMap<Stream, string>();
  readonly #tokens = new TokenVerifier();
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Which broker a CONNECT is for: the one that the transport names, the token's `iss` and `aud`, the certificate, or the
   * anonymous one. Where several speak, they must agree; a token or certificate that the broker does not ask for is none.
   */
  locate(connect: Connect, stream: Stream): BrokerRecord | NotLocated {
    const { addressed } = stream;
    if (addressed === "contradictory") {
      return refusal(ReasonCode.NotAuthorized, "TLS server name, Host and path do not name the same broker");
    }
    if (connect.properties?.authenticationMethod !== undefined) {
      const name = addressed ?? brokerOfUserName(connect.username) ?? this.#brokerOfCertificate(stream);
      const only = name === undefined ? this.#onlyBroker() : undefined;
      if (only !== undefined) return only;
      return name === undefined
        ? refusal(ReasonCode.NotAuthorized, "name the broker in the user name of CONNECT: <namespace>/<broker>")
        : this.#find(name);
    }
    const token = tokenOf(connect);
    const named = token === undefined ? undefined : brokerOfToken(token);
    const name = addressed ?? named ?? this.#brokerOfCertificate(stream) ?? this.#anonymousBroker(token, stream);
    if (name === undefined) return refusalOfUnnamed(token);
    const broker = this.#find(name);
    if ("reasonCode" in broker || broker.authType === "MTLS" || token === undefined) return broker;
    if (named === undefined) return refusalOfUnnamed(token);
    return isSame(name, named)
      ? broker
      : refusal(
          ReasonCode.NotAuthorized,
          `the token is for another broker, ${named.broker} in namespace ${named.namespace}`,
        );
  }

  /** Checks the credentials of a CONNECT that `locate` found to be for this broker. */
  check(brokerId: string, packet: Connect | Auth, stream: Stream): AuthenticationResult | AuthenticationChallenge {
    const broker = this.#options.catalogue.brokerById(brokerId);
    if (broker === undefined) return failure(ReasonCode.NotAuthorized, "the broker was deleted");
    if (broker.authType === "TOKEN") return this.#checkSecret(brokerId, packet, stream);
    const shown = stream.peerCertificate !== undefined || tokenOf(packet) !== undefined;
    if (!shown && this.#isAnonymousBroker(broker) && this.#mayBeAnonymous(stream))
      return { ok: true, principal: ANYONE };
    const certified = this.#checkCertificate(broker, stream);
    if (!certified.ok) return certified;
    if (broker.authType === "MTLS") {
      return packet.properties?.authenticationMethod === undefined
        ? certified
        : failure(ReasonCode.BadAuthenticationMethod, "the broker takes client certificates only");
    }
    const result = this.#checkSecret(brokerId, packet, stream);
    if ("challenge" in result || !result.ok) return result;
    return this.#isRevoked(brokerId, certified.principal.tokenId!)
      ? failure(ReasonCode.NotAuthorized, "the certificate was revoked")
      : combine(certified.principal, result);
  }

  /** True if the connection came in with a certificate of these ids. */
  isCertifiedBy(stream: Stream, ids: ReadonlySet<string>): boolean {
    const id = this.#certificateIds.get(stream);
    return id !== undefined && ids.has(id);
  }

  /** A token, or with SCRAM the proof of having one. */
  #checkSecret(
    brokerId: string,
    packet: Connect | Auth,
    stream: Stream,
  ): AuthenticationResult | AuthenticationChallenge {
    if (packet.properties?.authenticationMethod !== undefined) return this.#checkScram(brokerId, packet, stream);
    if (packet.type !== PacketType.CONNECT) return failure(ReasonCode.ProtocolError, "AUTH without a method");
    return this.#checkToken(brokerId, packet, stream);
  }

  #checkCertificate(broker: BrokerRecord, stream: Stream): AuthenticationResult {
    const peer = stream.peerCertificate;
    if (peer === undefined) {
      return failure(ReasonCode.NotAuthorized, "a client certificate is needed, over TLS or secure WebSocket");
    }
    const refuse = (reason: string) => failure(ReasonCode.NotAuthorized, reason);
    if (peer.objection !== undefined) return refuse(`the client certificate is not accepted: ${peer.objection}`);
    const identity = readClientCertificate(peer.certificate, this.#options.ca?.()?.certificate);
    if (identity === undefined) return refuse("the certificate names no client");
    const { id, clientId, expiresAtMs, topicAcl } = identity;
    if (identity.broker !== undefined && identity.broker.id !== broker.id) {
      const { namespace, broker: name } = identity.broker;
      return refuse(`the certificate is for another broker, ${name} in namespace ${namespace}`);
    }
    if (this.#isRevoked(broker.id, id)) return refuse("the certificate was revoked");
    if (expiresAtMs <= this.#options.now()) return refuse("the certificate expired");
    this.#certificateIds.set(stream, id);
    return { ok: true, principal: { clientId, tokenId: id, expiresAtMs, acl: createAcl(topicAcl) } };
  }

  #checkToken(brokerId: string, connect: Connect, stream: Stream): AuthenticationResult {
    const { catalogue, now } = this.#options;
    const broker = catalogue.brokerById(brokerId);
    const namespace = broker && catalogue.namespaceById(broker.namespaceId);
    if (broker === undefined || namespace === undefined) {
      return failure(ReasonCode.NotAuthorized, "the broker was deleted");
    }
    const token = tokenOf(connect);
    if (token === undefined) {
      return this.#isAnonymousBroker(broker) && this.#mayBeAnonymous(stream)
        ? { ok: true, principal: ANYONE }
        : failure(ReasonCode.NotAuthorized, "credentials are needed: a token in the password");
    }
    const result = this.#tokens.verify(token, {
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

  #isRevoked(brokerId: string, id: string): boolean {
    return this.#options.catalogue.isRevoked(brokerId, id);
  }

  /** The broker that a trusted certificate was issued for. */
  #brokerOfCertificate(stream: Stream): BrokerName | undefined {
    const peer = stream.peerCertificate;
    return peer === undefined || peer.objection !== undefined
      ? undefined
      : readClientCertificate(peer.certificate, this.#options.ca?.()?.certificate)?.broker;
  }

  #anonymousBroker(token: string | undefined, stream: Stream): BrokerName | undefined {
    return token === undefined && this.#mayBeAnonymous(stream) ? this.#options.anonymous : undefined;
  }

  #isAnonymousBroker(broker: BrokerRecord): boolean {
    const { anonymous, catalogue } = this.#options;
    const namespace = catalogue.namespaceById(broker.namespaceId)?.name;
    return anonymous !== undefined && namespace !== undefined && isSame(anonymous, { namespace, broker: broker.name });
  }

  /** A web page of another site could reach a broker on this machine through the browser of whoever visits it. */
  #mayBeAnonymous(stream: Stream): boolean {
    return this.#options.anonymous !== undefined && stream.isLoopback && stream.isSameSite;
  }
}

function tokenOf(packet: Connect | Auth): string | undefined {
  const password = packet.type === PacketType.CONNECT ? packet.password : undefined;
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

/** What certificate and token allow together. The token is the one that events and hooks tell of. */
function combine(certified: Principal, result: AuthenticationResult & { ok: true }): AuthenticationResult {
  const { principal } = result;
  if (principal.clientId !== certified.clientId) {
    const reason = `the certificate is for the client ${certified.clientId}, the token for ${principal.clientId}`;
    return failure(ReasonCode.NotAuthorized, reason);
  }
  const expiresAtMs = Math.min(principal.expiresAtMs, certified.expiresAtMs);
  return { ...result, principal: { ...principal, expiresAtMs, acl: bothOf(principal.acl, certified.acl) } };
}

function bothOf(one: Acl | undefined, other: Acl | undefined): Acl | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    mayPublish: (topicName) => one.mayPublish(topicName) && other.mayPublish(topicName),
    maySubscribe: (topicFilter) => one.maySubscribe(topicFilter) && other.maySubscribe(topicFilter),
  };
}

function refusalOfUnnamed(token: string | undefined): NotLocated {
  return token === undefined
    ? refusal(ReasonCode.NotAuthorized, "credentials are needed: a token in the password")
    : refusal(ReasonCode.BadUserNameOrPassword, "the password is not a token");
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
