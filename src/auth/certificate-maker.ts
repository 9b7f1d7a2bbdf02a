/**
 * Makes X.509 certificates (RFC 5280). Whoever needs one loads this module with `import()`: the library takes longer to
 * load than the whole server takes to start, and most starts find their certificates made.
 */
// A dependency of the library's asks for it.
// oxlint-disable-next-line import/no-unassigned-import
import "reflect-metadata";
import { randomBytes, type webcrypto } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  NameConstraints,
  id_ce_nameConstraints,
} from "@peculiar/asn1-x509";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonGeneralName,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** ECDSA with P-256 and SHA-256: small, fast, and every TLS library has it. */
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const SERIAL_BYTES = 16;

/** Both are PEM. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface CertificateRequest extends Validity {
  readonly commonName: string;
  readonly organization?: string;
  readonly names: readonly JsonGeneralName[];
  readonly purpose: "server" | "client";
}

/** An authority that may vouch for this machine's own names only, so that trusting it risks nothing else. */
export async function makeAuthority(commonName: string, validity: Validity): Promise<CertificateAndKey> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: nameOf(commonName, "pubsub-cli"),
    ...validity,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      loopbackOnly(),
    ],
  });
  return { certificate: pem(certificate), privateKey: await exportKey(keys.privateKey) };
}

/** @returns the certificate with a new key */
export async function makeCertificate(
  authority: CertificateAndKey,
  request: CertificateRequest,
): Promise<CertificateAndKey> {
  const { commonName, organization, names, purpose, notBefore, notAfter } = request;
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const issuer = new X509Certificate(authority.certificate);
  const [authorityKey] = PemConverter.decode(authority.privateKey);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: nameOf(commonName, organization),
    issuer: issuer.subjectName.toJSON(),
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: await crypto.subtle.importKey("pkcs8", authorityKey!, ALGORITHM, false, ["sign"]),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([purpose === "server" ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([...names]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: pem(certificate), privateKey: await exportKey(keys.privateKey) };
}

/**
 * RFC 5280 §4.2.1.10. Not critical, though the standard wants that: libraries of small devices would refuse the
 * certificate, and all others keep to it either way.
 */
function loopbackOnly(): Extension {
  const names = [{ dNSName: "localhost" }, { iPAddress: "127.0.0.0/8" }, { iPAddress: "::1/128" }];
  const permittedSubtrees = new GeneralSubtrees(
    names.map((name) => new GeneralSubtree({ base: new GeneralName(name) })),
  );
  return new Extension(id_ce_nameConstraints, false, AsnConvert.serialize(new NameConstraints({ permittedSubtrees })));
}

function nameOf(commonName: string, organization: string | undefined): JsonName {
  return [{ CN: [commonName] }, ...(organization === undefined ? [] : [{ O: [organization] }])];
}

/** Positive, and with as many digits as any other: OpenSSL, Node and we then write it alike. */
function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString("hex");
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}
