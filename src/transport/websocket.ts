import { type IncomingMessage, type Server, createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { WebSocket, WebSocketServer } from "ws";
import { Lazy } from "../lazy.ts";
import { type ListenAddress, listen } from "../listen.ts";
import { agree, brokerOfHost } from "./addressed.ts";
import type { Accept, Addressed, ByteStream, ByteStreamHandler, Listener, PeerCertificate } from "./byte-stream.ts";
import { isLoopbackAddress } from "./loopback.ts";
import { peerCertificateOf } from "./socket-stream.ts";
import { closeServer as closeTcpServer } from "./tcp.ts";
import { type TlsListenOptions, handshakeOptions, prepare } from "./tls.ts";

/** Subprotocols by which MQTT is asked for: today's [MQTT-6.0.0-3], and that of early 3.1 clients. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];

const UPGRADE_TIMEOUT_MS = 10_000;

export interface WebSocketMessageOptions {
  /** Largest MQTT packet, in bytes. */
  readonly messageBytesMax: number;
  /** Largest CONNECT, in bytes; as large as any packet where it is not given. */
  readonly connectBytesMax?: number | undefined;
  /** Host names are `<broker>.<namespace>.<domain>`. */
  readonly domain: string;
  /** From the connection to its request for WebSocket. */
  readonly upgradeTimeoutMs?: number;
}

const LINGER_MS = 2_000;

/** While more bytes than these wait for the network, only the last ping is answered, and later (RFC 6455 §5.5.3). */
const UNSENT_BYTES_BEFORE_PONG_MAX = 64 * 1024;

/** A frame may hold several packets, and one that is too large for MQTT is to be refused there, with its reason code. */
const FRAME_SPARE_BYTES = 16 * 1024 * 1024;

/** What frames put around a CONNECT, and what has come with the end of the frame before it. */
const CONNECT_SPARE_BYTES = 64 * 1024;

export interface WebSocketOptions extends ListenAddress, WebSocketMessageOptions {}

export interface SecureWebSocketOptions extends TlsListenOptions, WebSocketMessageOptions {
  /** True while clients may have to show a certificate; asked for each connection. */
  readonly asksForCertificates: () => boolean;
}

/**
 * MQTT over WebSocket (MQTT 5.0 §6). Paths: `/` and `/mqtt` leave the choice of the broker to the token,
 * `/<namespace>/<broker>` and `/mqtt/<namespace>/<broker>` name it.
 * @throws {UserError} where the port cannot be had
 */
export async function listenWebSocket(options: WebSocketOptions, accept: Accept): Promise<Listener> {
  const server = createServer();
  const sockets = serveWebSockets(server, "connection", options, accept);
  const port = await listen(server, options, "MQTT over WebSocket", "--ws-port");
  return {
    port,
    close: () => {
      sockets.close();
      return closeServer(server);
    },
  };
}

/**
 * MQTT over secure WebSocket. The server name of TLS names the broker as the Host does.
 *
 * Browsers give up a WebSocket whose server asks for a certificate: there is no page to ask their user in. So nobody is
 * asked for one before it can matter.
 * @throws {UserError} where the port cannot be had
 */
export async function listenSecureWebSocket(options: SecureWebSocketOptions, accept: Accept): Promise<Listener> {
  const asking = secureWebSockets(options, true, accept);
  const trusting = secureWebSockets(options, false, accept);
  const server = createTcpServer({ noDelay: true }, (socket) => {
    const { server } = options.asksForCertificates() ? asking : trusting;
    server.emit("connection", socket);
  });
  const port = await listen(server, options, "MQTT over secure WebSocket", "--wss-port");
  return {
    port,
    close: () => {
      for (const { close } of [asking, trusting]) close();
      return closeTcpServer(server);
    },
  };
}

/** What speaks TLS and WebSocket on connections that it is given: it listens nowhere itself. */
function secureWebSockets(options: SecureWebSocketOptions, requestCert: boolean, accept: Accept) {
  const server = createSecureServer({ ...handshakeOptions(options), requestCert });
  const sockets = serveWebSockets(server, "secureConnection", options, accept);
  const unwatch = prepare(server, options);
  return {
    server,
    close: () => {
      unwatch();
      sockets.close();
    },
  };
}

function serveWebSockets(
  server: Server,
  connected: "connection" | "secureConnection",
  options: WebSocketMessageOptions,
  accept: Accept,
): { close(): void } {
  /** Connections that have not asked for WebSocket yet. */
  const patience = new Map<Duplex, NodeJS.Timeout>();
  const endPatience = (socket: Duplex) => {
    clearTimeout(patience.get(socket));
    patience.delete(socket);
  };
  server.on(connected, (socket: Duplex) => {
    const timer = setTimeout(() => socket.destroy(), options.upgradeTimeoutMs ?? UPGRADE_TIMEOUT_MS);
    patience.set(socket, timer);
    socket.once("close", () => endPatience(socket));
  });
  const sockets = new Lazy(() => makeWebSocketServer(options));
  server.on("request", (request, response) => {
    response.writeHead(426, { "content-type": "text/plain", connection: "close", upgrade: "websocket" });
    response.end(`MQTT is spoken here over WebSocket, with the subprotocol mqtt: ${request.method} is not.\n`);
  });
  server.on("upgrade", (request, socket, head) => {
    endPatience(socket);
    const target = parseTarget(request, options.domain);
    const refusal = refusalOf(request, target);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal);
      return;
    }
    const upgrade = (webSockets: WebSocketServer): void =>
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        accept(new WebSocketStream(webSocket, request, socket, target!.addressed, options.connectBytesMax));
      });
    if (sockets.value !== undefined) {
      upgrade(sockets.value);
      return;
    }
    const giveUp = () => socket.destroy();
    socket.on("error", giveUp);
    sockets.load().then(upgrade, giveUp);
  });
  return {
    close: () => {
      for (const socket of patience.keys()) socket.destroy();
      sockets.close();
    },
  };
}

async function makeWebSocketServer({ messageBytesMax }: WebSocketMessageOptions): Promise<WebSocketServer> {
  const { WebSocketServer } = await import("./websocket-library.ts");
  return new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: messageBytesMax + FRAME_SPARE_BYTES,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

interface Target {
  readonly addressed: Addressed;
}

/** @returns undefined for a path that means nothing */
function parseTarget(request: IncomingMessage, domain: string): Target | undefined {
  const path = (request.url ?? "/").replace(/[?#].*$/, "").replace(/\/+$/, "");
  const serverName = tlsSocketOf(request)?.servername;
  const names = [brokerOfHost(request.headers.host ?? "", domain), brokerOfHost(serverName || "", domain)];
  const parts = path
    .replace(/^\/mqtt(?=\/|$)/, "")
    .split("/")
    .slice(1);
  if (parts.length === 0) return { addressed: agree(names) };
  const [namespace, broker] = parts;
  if (parts.length !== 2 || !namespace || !broker) return undefined;
  return { addressed: agree([{ namespace: namespace.toLowerCase(), broker: broker.toLowerCase() }, ...names]) };
}

function tlsSocketOf(request: IncomingMessage): TLSSocket | undefined {
  return "encrypted" in request.socket ? (request.socket as TLSSocket) : undefined;
}

function refusalOf(request: IncomingMessage, target: Target | undefined): string | undefined {
  if (target === undefined) return "404 Not Found";
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  return SUBPROTOCOLS.some((name) => offered.includes(name)) ? undefined : "400 Bad Request";
}

function refuseUpgrade(socket: Duplex, status: string): void {
  const text =
    status === "404 Not Found"
      ? "The path is /mqtt or /<namespace>/<broker>.\n"
      : "The WebSocket subprotocol must be mqtt.\n";
  socket.on("error", () => {});
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
  );
}

class WebSocketStream implements ByteStream {
  readonly transport: "websocket" | "secure-websocket";
  readonly remote: string;
  readonly address: string;
  readonly isLoopback: boolean;
  readonly addressed: Addressed;
  readonly isSameSite: boolean;
  handler!: ByteStreamHandler;
  readonly #webSocket: WebSocket;
  readonly #tlsSocket: TLSSocket | undefined;
  /** Of the last ping, while that is not answered. */
  #pingData: Buffer | undefined;
  /** Until the client is let in: bytes of a message that is not complete. */
  #incompleteBytes = 0;
  #stopCounting: (() => void) | undefined;

  constructor(
    webSocket: WebSocket,
    request: IncomingMessage,
    socket: Duplex,
    addressed: Addressed,
    connectBytesMax: number | undefined,
  ) {
    this.#webSocket = webSocket;
    this.#tlsSocket = tlsSocketOf(request);
    this.transport = this.#tlsSocket === undefined ? "websocket" : "secure-websocket";
    this.addressed = addressed;
    this.address = request.socket.remoteAddress ?? "";
    this.remote = `${this.address || "?"}:${request.socket.remotePort ?? "?"}`;
    this.isLoopback = isLoopbackAddress(request.socket.remoteAddress);
    this.isSameSite = isLocalOrigin(request.headers.origin);
    webSocket.on("message", (data, isBinary) => {
      // [MQTT-6.0.0-1] anything but binary frames ends the connection.
      if (webSocket.readyState !== webSocket.OPEN) return;
      this.#incompleteBytes = 0;
      if (isBinary) {
        this.handler.onData(data as Buffer);
        return;
      }
      webSocket.close(1003, "MQTT packets come in binary frames");
      this.#endSoon();
    });
    webSocket.on("ping", (data) => {
      this.#pingData = data;
      if (webSocket.bufferedAmount <= UNSENT_BYTES_BEFORE_PONG_MAX) this.#pong();
    });
    socket.on("drain", () => {
      this.#pong();
      this.handler.onDrain();
    });
    webSocket.on("close", () => this.handler.onClose());
    // Broken frames have been answered by then.
    webSocket.on("error", () => this.#endSoon());
    if (connectBytesMax !== undefined) this.#countUntilAdmitted(socket, connectBytesMax);
  }

  /** `ws` collects a message up to a limit that is the same for all of them, and nobody knows yet who sends this one. */
  #countUntilAdmitted(socket: Duplex, connectBytesMax: number): void {
    // After the listener of `ws`, which has passed on what is complete.
    const count = (chunk: Buffer): void => {
      this.#incompleteBytes += chunk.length;
      if (this.#incompleteBytes <= connectBytesMax + CONNECT_SPARE_BYTES) return;
      this.#webSocket.close(1009, "too large a message before CONNACK");
      // What still comes is collected by nobody.
      socket.removeAllListeners("data").resume().end();
      this.#endSoon();
    };
    socket.on("data", count);
    this.#stopCounting = () => socket.off("data", count);
  }

  admitted(): void {
    this.#stopCounting?.();
  }

  #pong(): void {
    const data = this.#pingData;
    this.#pingData = undefined;
    if (data !== undefined && this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.pong(data);
  }

  /** A peer that broke the rules has little time to close its side. */
  #endSoon(): void {
    const timer = setTimeout(() => this.#webSocket.terminate(), LINGER_MS);
    this.#webSocket.once("close", () => clearTimeout(timer));
  }

  get peerCertificate(): PeerCertificate | undefined {
    return this.#tlsSocket && peerCertificateOf(this.#tlsSocket);
  }

  get unsentBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  write(bytes: Buffer): boolean {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return true;
    this.#webSocket.send(bytes);
    return this.#webSocket.bufferedAmount === 0;
  }

  /** Each is a frame of its own: [MQTT-6.0.0-2] lets packets stand in any of them. */
  writeAll(parts: readonly Buffer[]): boolean {
    for (const bytes of parts) this.write(bytes);
    return this.#webSocket.bufferedAmount === 0;
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  end(): void {
    this.#webSocket.close(1000);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }
}

/** True without an Origin, as programs connect, and for pages that come from this machine. */
function isLocalOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return true;
  try {
    const { hostname } = new URL(origin);
    return (
      hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || isLoopbackAddress(hostname)
    );
  } catch {
    return false;
  }
}
