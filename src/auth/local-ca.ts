/** The certificate authority of this machine's developer, in a folder: `ca.pem`, `ca-key.pem`, and what it has signed. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { UserError } from "../errors.ts";
import type { CertificateAndKey, CertificateRequest } from "./certificate-maker.ts";

const DAY_MS = 86_400_000;
/** For clocks that are behind ours. */
const BACKDATED_MS = 3_600_000;
const AUTHORITY_MS = 3652 * DAY_MS;
/** What browsers accept at most are 398 days. */
const SERVER_MS = 396 * DAY_MS;
/** A server certificate that ends sooner is made anew. */
const RENEWAL_MS = 30 * DAY_MS;

export class LocalCa {
  /** Path of the certificate, for those who are to trust it. */
  readonly file: string;
  readonly certificate: X509Certificate;
  readonly #folder: string;
  readonly #authority: CertificateAndKey;

  private constructor(folder: string, authority: CertificateAndKey) {
    this.#folder = folder;
    this.#authority = authority;
    this.file = path.join(folder, "ca.pem");
    this.certificate = new X509Certificate(authority.certificate);
  }

  /**
   * Opens the folder's authority, or makes one where there is none. Several processes may do so at the same time.
   * @throws {UserError} `ca-unusable`, `ca-unwritable`
   */
  static async open(folder: string, nowMs: number): Promise<LocalCa> {
    const authority = (await readAuthority(folder, nowMs)) ?? (await createAuthority(folder, nowMs));
    return new LocalCa(folder, authority);
  }

  /** PEM */
  get pem(): string {
    return this.#authority.certificate;
  }

  /**
   * The certificate of the server for `localhost`, or for the brokers of a namespace: a wildcard covers one label only.
   * It is kept for the next time.
   */
  async serverCertificate(namespace: string | undefined, nowMs: number): Promise<CertificateAndKey> {
    const file = path.join(this.#folder, namespace === undefined ? "server.pem" : `server.${namespace}.pem`);
    const host = namespace === undefined ? "localhost" : `*.${namespace}.localhost`;
    const kept = await this.#readServerCertificate(file, host, nowMs);
    if (kept !== undefined) return kept;
    const dns = namespace === undefined ? ["localhost", "*.localhost"] : [host];
    const made = await this.#make(nowMs, nowMs + SERVER_MS, {
      commonName: dns[0]!,
      purpose: "server",
      names: [
        ...dns.map((value) => ({ type: "dns" as const, value })),
        ...["127.0.0.1", "::1"].map((value) => ({ type: "ip" as const, value })),
      ],
    });
    await writable(this.#folder, () => replaceFile(file, made.privateKey + made.certificate));
    return made;
  }

  /** @param expiresAtMs UNIX milliseconds; the authority's own end where that comes first */
  async issue(
    request: Pick<CertificateRequest, "commonName" | "organization" | "names">,
    nowMs: number,
    expiresAtMs: number,
  ): Promise<CertificateAndKey> {
    return await this.#make(nowMs, expiresAtMs, { ...request, purpose: "client" });
  }

  async #make(
    nowMs: number,
    expiresAtMs: number,
    request: Omit<CertificateRequest, "notBefore" | "notAfter">,
  ): Promise<CertificateAndKey> {
    const { makeCertificate } = await import("./certificate-maker.ts");
    return await makeCertificate(this.#authority, {
      ...request,
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(Math.min(expiresAtMs, Date.parse(this.certificate.validTo))),
    });
  }

  /** @returns undefined where there is none, or none that still serves */
  async #readServerCertificate(file: string, host: string, nowMs: number): Promise<CertificateAndKey | undefined> {
    const text = await readIfThere(file);
    if (text === undefined) return undefined;
    try {
      const certificate = new X509Certificate(text);
      const end = Math.min(nowMs + RENEWAL_MS, Date.parse(this.certificate.validTo));
      const serves =
        certificate.verify(this.certificate.publicKey) &&
        certificate.checkPrivateKey(createPrivateKey(text)) &&
        (certificate.subjectAltName ?? "").split(", ").includes(`DNS:${host}`) &&
        Date.parse(certificate.validTo) >= end;
      const start = text.indexOf("-----BEGIN CERTIFICATE");
      return serves ? { certificate: text.slice(start), privateKey: text.slice(0, start) } : undefined;
    } catch {
      return undefined;
    }
  }
}

async function readAuthority(folder: string, nowMs: number): Promise<CertificateAndKey | undefined> {
  const certificate = await readIfThere(path.join(folder, "ca.pem"));
  const privateKey = await readIfThere(path.join(folder, "ca-key.pem"));
  if (certificate === undefined && privateKey === undefined) return undefined;
  if (certificate === undefined) throw unusable(folder, "ca.pem is missing");
  if (privateKey === undefined) throw unusable(folder, "ca-key.pem is missing");
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
    if (!parsed.checkPrivateKey(createPrivateKey(privateKey)))
      throw unusable(folder, "ca-key.pem is not the key of ca.pem");
  } catch (error) {
    throw error instanceof UserError ? error : unusable(folder, (error as Error).message);
  }
  if (Date.parse(parsed.validTo) <= nowMs) throw unusable(folder, `it ended on ${parsed.validTo}`);
  return { certificate, privateKey };
}

function unusable(folder: string, reason: string): UserError {
  return new UserError(
    "ca-unusable",
    `the certificate authority in ${folder} cannot be used: ${reason}`,
    "move the folder away, and a new authority is made; clients have to trust that one then",
  );
}

async function createAuthority(folder: string, nowMs: number): Promise<CertificateAndKey> {
  const { makeAuthority } = await import("./certificate-maker.ts");
  const authority = await makeAuthority(`pubsub-cli local CA (${hostname().slice(0, 40)})`, {
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + AUTHORITY_MS),
  });
  return await writable(folder, async () => {
    // Nobody sees half an authority, and of several processes that make one, one wins: a folder that has something in it
    // is not replaced.
    await mkdir(path.dirname(folder), { recursive: true });
    const temporary = await mkdtemp(`${folder}.`);
    try {
      await writeFile(path.join(temporary, "ca.pem"), authority.certificate, { mode: 0o600 });
      await writeFile(path.join(temporary, "ca-key.pem"), authority.privateKey, { mode: 0o600 });
      await rename(temporary, folder);
      return authority;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      const other = await readAuthority(folder, nowMs);
      if (other === undefined) throw error;
      return other;
    }
  });
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new UserError("ca-unusable", `cannot read ${file} (${code})`, "check its permissions", { cause: error });
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}

async function writable<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      "ca-unwritable",
      `the certificate authority cannot be kept in ${folder} (${code})`,
      "set PUBSUB_CONFIG_DIR to a folder that can be written, or pass --no-tls",
      { cause: error },
    );
  }
}
