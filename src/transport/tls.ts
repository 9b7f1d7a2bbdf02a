import { type SecureContext, type SecureContextOptions, type Server, type TlsOptions, createServer } from "node:tls";
import { type ListenAddress, listen } from "../listen.ts";
import { agree, brokerOfHost } from "./addressed.ts";
import type { Accept, Listener } from "./byte-stream.ts";
import { SocketStream } from "./socket-stream.ts";
import { closeServer } from "./tcp.ts";

/** Where a listener gets its certificates from. They may change at any time; connections that stand keep theirs. */
export interface TlsIdentity {
  /** For clients that name no host, or one that has no certificate of its own: certificate, key, clients' authorities. */
  readonly context: SecureContextOptions;
  /** For a host that the client names (SNI); undefined: the same as for all. Never rejects. */
  contextFor(host: string): Promise<SecureContext | undefined>;
  /**
   * Tells when `context` has changed.
   * @returns a function that ends it
   */
  watch(listener: () => void): () => void;
}

export interface TlsListenOptions extends ListenAddress {
  readonly identity: TlsIdentity;
  /** Host names are `<broker>.<namespace>.<domain>`. */
  readonly domain: string;
  /** From accepting a connection to the end of its handshake. */
  readonly handshakeTimeoutMs: number;
  /** Told of handshakes that failed. */
  readonly onFailedHandshake?: ((remote: string, reason: string) => void) | undefined;
}

const ALPN = "mqtt";

/**
 * MQTT over TLS (MQTT 5.0 §4.2).
 * @throws {UserError} where the port cannot be had
 */
export async function listenTls(options: TlsListenOptions, accept: Accept): Promise<Listener> {
  const server = createServer({
    ...handshakeOptions(options),
    // Whoever offers protocols and not ours means another server (RFC 7301 §3.2).
    ALPNCallback: ({ protocols }) => (protocols.includes(ALPN) ? ALPN : undefined),
  });
  server.on("secureConnection", (socket) => {
    accept(new SocketStream(socket, "tls", agree([brokerOfHost(socket.servername || "", options.domain)])));
  });
  const unwatch = prepare(server, options);
  const port = await listen(server, options, "MQTT over TLS", "--tls-port");
  return {
    port,
    close: () => {
      unwatch();
      return closeServer(server);
    },
  };
}

/** What MQTT and WebSocket over TLS have in common. */
export function handshakeOptions({ identity, handshakeTimeoutMs }: TlsListenOptions): TlsOptions {
  return {
    ...identity.context,
    noDelay: true,
    minVersion: "TLSv1.2",
    handshakeTimeout: handshakeTimeoutMs,
    // A certificate is asked for and never insisted on: which broker wants one is known with CONNECT only, and MQTT can
    // say better than TLS what is wrong with it.
    requestCert: true,
    rejectUnauthorized: false,
    SNICallback: (host, done) => void chooseContext(identity, host, done),
  };
}

async function chooseContext(
  identity: TlsIdentity,
  host: string,
  done: (error: Error | null, context?: SecureContext) => void,
): Promise<void> {
  done(null, await identity.contextFor(host));
}

/**
 * Keeps the server's certificate up to date, and outlives failed handshakes.
 * @returns a function that ends it
 */
export function prepare(server: Server, { identity, onFailedHandshake }: TlsListenOptions): () => void {
  server.on("tlsClientError", (error, socket) => {
    const { code, reason } = error as NodeJS.ErrnoException & { reason?: string };
    // Whoever hangs up without a word, such as a check of the port, made no mistake.
    if (code !== "ECONNRESET") {
      onFailedHandshake?.(
        `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? "?"}`,
        reason ?? code ?? error.message,
      );
    }
    socket.destroy();
  });
  return identity.watch(() => server.setSecureContext({ ...identity.context, minVersion: "TLSv1.2" }));
}
