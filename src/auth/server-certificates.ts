/**
 * Certificates of the server, as transports use them: made by the local authority, or read from the owner's files. Both
 * may change while the server runs.
 */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type SecureContext, type SecureContextOptions, createSecureContext } from "node:tls";
import { UserError } from "../errors.ts";
import type { LocalCa } from "./local-ca.ts";

/** Programs that write several files take their time between them. */
const SETTLE_MS = 100;
/** How often certificates of the local authority are looked at; they are renewed weeks before they end. */
const RENEWAL_CHECK_MS = 12 * 3_600_000;

interface CommonOptions {
  /** Vouches for clients, and for the server unless it has files of its own. */
  readonly ca: LocalCa | undefined;
  /** Certificates of further authorities that vouch for clients, PEM. */
  readonly clientCaFile: string | undefined;
  readonly log: (line: string) => void;
}

/** What both kinds have. */
abstract class ServerCertificates {
  readonly #options: CommonOptions;
  readonly #listeners = new Set<() => void>();
  readonly #watchers: FSWatcher[] = [];
  #settle: NodeJS.Timeout | undefined;
  #context: SecureContextOptions = {};

  constructor(options: CommonOptions) {
    this.#options = options;
  }

  get context(): SecureContextOptions {
    return this.#context;
  }

  /** @returns a function that ends it */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads files again, and renews what ends soon. What cannot be used leaves everything as it is. */
  async reload(): Promise<void> {
    try {
      if (await this.load()) this.#options.log("TLS: new connections get the certificate that is there now");
    } catch (error) {
      this.#options.log(`TLS: the certificate stays as it was: ${(error as Error).message}`);
    }
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    clearTimeout(this.#settle);
  }

  /** For a host that a client names. */
  abstract contextFor(host: string): Promise<SecureContext | undefined>;

  /** @returns true if something has changed */
  async load(): Promise<boolean> {
    const { ca, clientCaFile } = this.#options;
    const { cert, key } = await this.readPair();
    const clients = clientCaFile === undefined ? undefined : await readAuthority(clientCaFile);
    // A list even if it is empty: without one, whatever the public authorities have signed would do.
    const context = { cert, key, ca: [ca?.pem, clients].filter((pem) => pem !== undefined) };
    if (JSON.stringify(context) === JSON.stringify(this.#context)) return false;
    this.#context = context;
    for (const listener of this.#listeners) listener();
    return true;
  }

  protected abstract readPair(): Promise<{ cert: string; key: string }>;

  /** Folders, not files: files are replaced by others, which a watcher of the file does not see. */
  protected watchFiles(files: readonly (string | undefined)[]): void {
    const folders = files.filter((file) => file !== undefined).map((file) => path.dirname(file));
    for (const folder of new Set(folders)) {
      try {
        const watcher = watch(folder, { persistent: false }, () => {
          clearTimeout(this.#settle);
          this.#settle = setTimeout(() => void this.reload(), SETTLE_MS);
        });
        watcher.on("error", () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Not every file system tells of changes: SIGHUP remains.
      }
    }
  }
}

export interface LocalCertificateOptions extends CommonOptions {
  readonly ca: LocalCa;
  /** Certificates are made for these only, so that nobody can have them made without end. */
  readonly hasNamespace: (name: string) => boolean;
  /** UNIX milliseconds. */
  readonly now: () => number;
}

/** By the local authority: one for `localhost`, and one for each namespace as soon as a client names it. */
export class LocalCertificates extends ServerCertificates {
  readonly #local: LocalCertificateOptions;
  readonly #contexts = new Map<string, Promise<SecureContext | undefined>>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: LocalCertificateOptions) {
    super(options);
    this.#local = options;
  }

  /** @throws {UserError} `ca-unwritable`, `certificate-unusable` */
  static async create(options: LocalCertificateOptions): Promise<LocalCertificates> {
    const certificates = new LocalCertificates(options);
    await certificates.load();
    certificates.watchFiles([options.clientCaFile]);
    certificates.#timer = setInterval(() => void certificates.reload(), RENEWAL_CHECK_MS).unref();
    return certificates;
  }

  override async contextFor(host: string): Promise<SecureContext | undefined> {
    const [, namespace] = /^[^.]+\.([^.]+)\.localhost$/.exec(host.toLowerCase()) ?? [];
    if (namespace === undefined || !this.#local.hasNamespace(namespace)) return undefined;
    const made = this.#contexts.get(namespace) ?? this.#make(namespace);
    this.#contexts.set(namespace, made);
    return await made;
  }

  override async load(): Promise<boolean> {
    // They come back when a client asks.
    this.#contexts.clear();
    return await super.load();
  }

  override close(): void {
    super.close();
    clearInterval(this.#timer);
  }

  protected override async readPair(): Promise<{ cert: string; key: string }> {
    return await this.#pairFor(undefined);
  }

  async #pairFor(namespace: string | undefined): Promise<{ cert: string; key: string }> {
    const { certificate, privateKey } = await this.#local.ca.serverCertificate(namespace, this.#local.now());
    return { cert: certificate, key: privateKey };
  }

  async #make(namespace: string): Promise<SecureContext | undefined> {
    try {
      return createSecureContext({ ...this.context, ...(await this.#pairFor(namespace)), minVersion: "TLSv1.2" });
    } catch (error) {
      this.#contexts.delete(namespace);
      this.#local.log(`TLS: no certificate for the namespace ${namespace}: ${(error as Error).message}`);
      return undefined;
    }
  }
}

export interface CertificateFiles {
  /** The server's certificate and those between it and its authority, PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface FileCertificateOptions extends CommonOptions {
  readonly files: CertificateFiles;
}

/** From files. A pair that does not fit, such as while it is being replaced, changes nothing. */
export class FileCertificates extends ServerCertificates {
  readonly #files: CertificateFiles;

  private constructor(options: FileCertificateOptions) {
    super(options);
    this.#files = options.files;
  }

  /** @throws {UserError} `certificate-unusable` */
  static async create(options: FileCertificateOptions): Promise<FileCertificates> {
    const certificates = new FileCertificates(options);
    await certificates.load();
    const { cert, key } = options.files;
    certificates.watchFiles([cert, key, options.clientCaFile]);
    return certificates;
  }

  /** The same for all hosts. */
  override async contextFor(): Promise<undefined> {
    return undefined;
  }

  protected override async readPair(): Promise<{ cert: string; key: string }> {
    const { cert: certFile, key: keyFile } = this.#files;
    const cert = await readPem(certFile);
    const key = await readPem(keyFile);
    try {
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
        throw new Error(`${keyFile} is not the key of ${certFile}`);
      }
      createSecureContext({ cert, key });
      return { cert, key };
    } catch (error) {
      throw unusable((error as Error).message, error);
    }
  }
}

async function readAuthority(file: string): Promise<string> {
  const text = await readPem(file);
  try {
    createSecureContext({ ca: text });
    if (!new X509Certificate(text).ca) throw new Error(`${file} is not the certificate of an authority`);
    return text;
  } catch (error) {
    throw unusable((error as Error).message, error);
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw unusable(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function unusable(reason: string, cause: unknown): UserError {
  return new UserError("certificate-unusable", reason, "--cert, --key and --ca name files in PEM format", { cause });
}
