/**
 * Certificates of clients. Those of the local authority say everything about the client in a URI among their names, which
 * any tool shows and which Node reads without help:
 *
 *   mqtts://<broker>.<namespace>.localhost/?broker=<id of the broker>&client=<client id>&acl=<topic filter>&acl=…
 *
 * The id ties them to the broker as its keys do tokens: a broker of the same name, on another server of the same user or
 * after this one was deleted, does not take them. Those of other authorities, which the server's owner named, are for any
 * broker, and their common name is the client id.
 */
import { X509Certificate } from "node:crypto";
import type { CertificateAndKey } from "./certificate-maker.ts";
import type { LocalCa } from "./local-ca.ts";

/** TLS libraries bound what they read of a certificate. */
const URI_LENGTH_MAX = 8192;
/** ITU-T X.520, upper bound of a common name. */
const COMMON_NAME_LENGTH_MAX = 64;

export interface ClientCertificateClaims {
  readonly brokerId: string;
  readonly brokerHost: string;
  readonly clientId: string;
  readonly topicAcl: string | readonly string[];
  /** UNIX milliseconds; Infinity: as long as the authority itself. */
  readonly expiresAtMs: number;
}

export interface IssuedCertificate extends CertificateAndKey {
  /** What revokes it: the serial number, as OpenSSL prints it. */
  readonly id: string;
  /** PEM */
  readonly ca: string;
  /** UNIX milliseconds */
  readonly expiresAtMs: number;
}

/** @returns undefined where the topic filters are more than a certificate holds */
export async function issueClientCertificate(
  ca: LocalCa,
  claims: ClientCertificateClaims,
  nowMs: number,
): Promise<IssuedCertificate | undefined> {
  const { brokerId, brokerHost, clientId, expiresAtMs } = claims;
  const filters = typeof claims.topicAcl === "string" ? [claims.topicAcl] : claims.topicAcl;
  const parameters = new URLSearchParams({ broker: brokerId, client: clientId });
  for (const filter of filters) parameters.append("acl", filter);
  const uri = `mqtts://${brokerHost}/?${parameters.toString()}`;
  if (uri.length > URI_LENGTH_MAX) return undefined;
  const request = {
    commonName: Array.from(clientId).slice(0, COMMON_NAME_LENGTH_MAX).join(""),
    names: [
      // Without a DNS name the common name would have to fit the names that the authority may vouch for.
      { type: "dns" as const, value: brokerHost },
      { type: "url" as const, value: uri },
    ],
  };
  const issued = await ca.issue(request, nowMs, expiresAtMs);
  const { serialNumber, validTo } = new X509Certificate(issued.certificate);
  return { ...issued, id: serialNumber, ca: ca.pem, expiresAtMs: Date.parse(validTo) };
}

/** What a certificate says, once its authority has been checked. */
export interface ClientIdentity {
  /** `<broker>` and `<namespace>`; undefined where any broker may be entered. */
  readonly broker: { readonly id: string; readonly namespace: string; readonly broker: string } | undefined;
  readonly clientId: string;
  readonly id: string;
  readonly topicAcl: string | readonly string[];
  /** UNIX milliseconds */
  readonly expiresAtMs: number;
}

/**
 * @param certificate that an authority of the server vouches for
 * @param ca the local one, if there is one
 * @returns undefined if it names no client
 */
export function readClientCertificate(
  certificate: X509Certificate,
  ca: X509Certificate | undefined,
): ClientIdentity | undefined {
  const common = { id: certificate.serialNumber, expiresAtMs: Date.parse(certificate.validTo) };
  if (ca === undefined || !certificate.checkIssued(ca) || !certificate.verify(ca.publicKey)) {
    const name: unknown = certificate.toLegacyObject().subject?.CN;
    return typeof name === "string" && name !== ""
      ? { ...common, broker: undefined, clientId: name, topicAcl: "#" }
      : undefined;
  }
  const [, host = "", query = ""] =
    /(?:^|, )URI:mqtts:\/\/([^/,"]+)\/\?([^,"]*)/.exec(certificate.subjectAltName ?? "") ?? [];
  const [broker, namespace] = host.split(".");
  const parameters = new URLSearchParams(query);
  const id = parameters.get("broker");
  const clientId = parameters.get("client");
  if (!broker || !namespace || !id || !clientId) return undefined;
  return { ...common, broker: { id, namespace, broker }, clientId, topicAcl: parameters.getAll("acl") };
}
