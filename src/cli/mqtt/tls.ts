/** What `pub` and `sub` need for TLS: whom they trust, and the certificate that they show. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { UserError } from "../../errors.ts";
import type { ServerContext } from "../settings/configuration.ts";
import { usageError } from "../errors.ts";

export interface TlsOptions {
  cafile?: string;
  cert?: string;
  key?: string;
}

/** PEM */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export function addTlsOptions(command: Command): void {
  command
    .option(
      "--ca, --cafile <file>",
      "certificates to trust, PEM (default: the local authority's, where its server is meant)",
    )
    .option("--cert <file>", "client certificate, PEM")
    .option("--key <file>", "its private key, PEM (default: in the same file)");
}

export function isSecure(url: URL): boolean {
  return url.protocol === "mqtts:" || url.protocol === "wss:";
}

/** @param known the server that the user works with, whose authority is trusted */
export function readTlsMaterial(options: TlsOptions, url: URL, known: ServerContext | undefined): TlsMaterial {
  const { cafile, cert, key = cert } = options;
  if (key !== undefined && cert === undefined) throw usageError("--key is of no use without --cert");
  if (!isSecure(url)) {
    if ((cafile ?? cert) === undefined) return {};
    throw usageError(
      `--cafile and --cert are of no use with ${url.protocol}//`,
      "name a URL that begins with mqtts:// or wss://",
    );
  }
  const isKnown = [known?.mqtts, known?.wss].some(
    (address) => address !== undefined && new URL(address).port === url.port,
  );
  const ca = cafile === undefined ? readKnown(isKnown ? known?.ca : undefined) : read(cafile);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && key !== undefined && { cert: read(cert), key: read(key) }),
  };
}

/** The client id that a certificate of ours, or its common name, says. */
export async function certificateClientId({ cert }: TlsMaterial): Promise<string | undefined> {
  if (cert === undefined) return undefined;
  const { X509Certificate } = await import("node:crypto");
  try {
    const { subject, subjectAltName } = new X509Certificate(cert);
    const [, query] = /URI:mqtts:[^?,]*\?([^,"]*)/.exec(subjectAltName ?? "") ?? [];
    // Not `toLegacyObject()`: before `node:tls` is loaded, Node's own modules then load in an order that breaks them.
    const [, name] = /^CN=(.+)$/m.exec(subject) ?? [];
    return new URLSearchParams(query).get("client") ?? name;
  } catch {
    throw usageError("--cert names a file that holds no certificate in PEM format");
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(
      "file-unreadable",
      `cannot read ${file} (${code})`,
      "is there such a file, and may it be read?",
    );
  }
}

/** The server may be gone, and its data folder with it. */
function readKnown(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
