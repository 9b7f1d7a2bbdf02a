/** Part of the composition root: TLS. Loaded when everything else listens, as it takes longest. */
import { LocalCa } from "./auth/local-ca.ts";
import { type CertificateFiles, FileCertificates, LocalCertificates } from "./auth/server-certificates.ts";
import type { Limits } from "./broker/index.ts";
import { UserError } from "./errors.ts";
import type { Catalogue } from "./store/index.ts";
import type { Accept, Listener } from "./transport/byte-stream.ts";
import { listenTls } from "./transport/tls.ts";
import { type WebSocketMessageOptions, listenSecureWebSocket } from "./transport/websocket.ts";

export interface ServerTlsOptions {
  /** MQTT over TLS; 0 picks a free port. Default 8883. */
  port?: number | undefined;
  /** MQTT over secure WebSocket; default 8084. */
  wssPort?: number | undefined;
  /** Folder of the local certificate authority, which is made where there is none. It vouches for clients, and for the server. */
  caFolder: string;
  /** Serve with these instead. Read again when they change. */
  files?: CertificateFiles | undefined;
  /** Certificates of further authorities that vouch for clients, PEM. */
  clientCaFile?: string | undefined;
  /** Start without TLS where the folder cannot be written to. */
  isOptional?: boolean | undefined;
}

/** What TLS adds to a server, as soon as it is there. */
export interface Secure {
  ca?: LocalCa | undefined;
  certificates?: LocalCertificates | FileCertificates;
  tlsPort?: number;
  wssPort?: number;
}

/** Listens on all addresses of the server. @returns the port */
export type Everywhere = (port: number, listen: (host: string, port: number) => Promise<Listener>) => Promise<number>;

interface SecureListenOptions extends WebSocketMessageOptions {
  readonly catalogue: Catalogue;
  readonly limits: Limits;
  readonly log: (line: string) => void;
}

/**
 * Opens the certificates and listens with them.
 * @param secure told of everything as soon as it is there
 * @throws {UserError} where there are no certificates, or a port cannot be had
 */
export async function listenSecurely(
  tls: ServerTlsOptions,
  secure: Secure,
  everywhere: Everywhere,
  accept: Accept,
  { catalogue, limits, log, ...messages }: SecureListenOptions,
): Promise<void> {
  await openCertificates(tls, catalogue, secure, log);
  const identity = secure.certificates;
  if (identity === undefined) return;
  const handshake = {
    identity,
    handshakeTimeoutMs: limits.connectTimeoutMs,
    onFailedHandshake: (remote: string, reason: string) => log(`no TLS connection with ${remote}: ${reason}`),
  };
  const asksForCertificates = () => catalogue.brokers().some(({ authType }) => authType !== "TOKEN");
  secure.tlsPort = await everywhere(tls.port ?? 8883, (host, port) =>
    listenTls({ host, port, ...messages, ...handshake }, accept),
  );
  secure.wssPort = await everywhere(tls.wssPort ?? 8084, (host, port) =>
    listenSecureWebSocket({ host, port, asksForCertificates, ...messages, ...handshake }, accept),
  );
}

async function openCertificates(
  tls: ServerTlsOptions,
  catalogue: Catalogue,
  secure: Secure,
  log: (line: string) => void,
): Promise<void> {
  const { caFolder, files, clientCaFile } = tls;
  try {
    secure.ca = await LocalCa.open(caFolder, Date.now());
    if (files === undefined) {
      const hasNamespace = (name: string) => catalogue.namespace(name) !== undefined;
      const ca = secure.ca;
      secure.certificates = await LocalCertificates.create({ ca, clientCaFile, hasNamespace, log, now: Date.now });
    }
  } catch (error) {
    const isMissed = files === undefined && !tls.isOptional;
    if (isMissed || !(error instanceof UserError) || error.code !== "ca-unwritable") throw error;
    log(`${files === undefined ? "TLS is off" : "client certificates cannot be issued"}: ${error.message}`);
  }
  if (files !== undefined) {
    secure.certificates = await FileCertificates.create({ ca: secure.ca, clientCaFile, files, log });
  }
}
