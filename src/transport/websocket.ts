import { type IncomingMessage, type Server, createServer } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Accept, AddressedBroker, ByteStream, ByteStreamHandler, Listener } from "./byte-stream.ts";
import { listen } from "./listen.ts";
import { isLoopbackAddress } from "./loopback.ts";

/** Subprotocols by which MQTT is asked for: today's [MQTT-6.0.0-3], and that of early 3.1 clients. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];

export interface WebSocketOptions {
  host: string;
  port: number;
  /** Largest WebSocket message, in bytes. */
  messageBytesMax: number;
  /** Host names are `<broker>.<namespace>.<domain>`. */
  domain: string;
}

/**
 * MQTT over WebSocket (MQTT 5.0 §6). Paths: `/` and `/mqtt` leave the choice of the broker to the token,
 * `/<namespace>/<broker>` and `/mqtt/<namespace>/<broker>` name it.
 * @throws {UserError} where the port cannot be had
 */
export async function listenWebSocket(options: WebSocketOptions, accept: Accept): Promise<Listener> {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: options.messageBytesMax,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  const server = createServer((request, response) => {
    response.writeHead(426, { "content-type": "text/plain", connection: "close", upgrade: "websocket" });
    response.end(`MQTT is spoken here over WebSocket, with the subprotocol mqtt: ${request.method} is not.\n`);
  });
  server.on("upgrade", (request, socket, head) => {
    const target = parseTarget(request, options.domain);
    const refusal = refusalOf(request, target);
    if (refusal !== undefined) {
      refuseUpgrade(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      accept(new WebSocketStream(webSocket, request, socket, target!.addressed));
    });
  });
  const port = await listen(server, options, "MQTT over WebSocket", "--ws-port");
  return { port, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

interface Target {
  readonly addressed: AddressedBroker | undefined;
}

/** @returns undefined if the path, or a path and a host that disagree, name nothing */
function parseTarget(request: IncomingMessage, domain: string): Target | undefined {
  const path = (request.url ?? "/").replace(/[?#].*$/, "").replace(/\/+$/, "");
  const fromHost = brokerOfHost(request.headers.host ?? "", domain);
  const parts = path.replace(/^\/mqtt(?=\/|$)/, "").split("/").slice(1);
  if (parts.length === 0) return { addressed: fromHost };
  const [namespace, broker] = parts;
  if (parts.length !== 2 || !namespace || !broker) return undefined;
  if (fromHost && (fromHost.namespace !== namespace || fromHost.broker !== broker)) return undefined;
  return { addressed: { namespace, broker } };
}

/** The broker that a host name such as `dev.local.localhost:8083` means; undefined for other hosts. */
function brokerOfHost(host: string, domain: string): AddressedBroker | undefined {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (!name.endsWith(`.${domain}`)) return undefined;
  const [broker, namespace, ...rest] = name.slice(0, -domain.length - 1).split(".");
  return broker && namespace && rest.length === 0 ? { namespace, broker } : undefined;
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
  readonly transport = "websocket";
  readonly remote: string;
  readonly address: string;
  readonly isLoopback: boolean;
  readonly addressed: AddressedBroker | undefined;
  readonly isSameSite: boolean;
  handler!: ByteStreamHandler;
  readonly #webSocket: WebSocket;

  constructor(
    webSocket: WebSocket,
    request: IncomingMessage,
    socket: Duplex,
    addressed: AddressedBroker | undefined,
  ) {
    this.#webSocket = webSocket;
    this.addressed = addressed;
    this.address = request.socket.remoteAddress ?? "";
    this.remote = `${this.address}:${request.socket.remotePort}`;
    this.isLoopback = isLoopbackAddress(request.socket.remoteAddress);
    this.isSameSite = isLocalOrigin(request.headers.origin);
    webSocket.on("message", (data, isBinary) => {
      // [MQTT-6.0.0-1] anything but binary frames ends the connection.
      if (isBinary) this.handler.onData(data as Buffer);
      else webSocket.close(1003, "MQTT packets come in binary frames");
    });
    socket.on("drain", () => this.handler.onDrain());
    webSocket.on("close", () => this.handler.onClose());
    // `close` follows; broken frames have been answered by then.
    webSocket.on("error", () => {});
  }

  get unsentBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  write(bytes: Buffer): boolean {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return true;
    this.#webSocket.send(bytes);
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
      hostname === "localhost" ||
      hostname.endsWith(".localhost") ||
      hostname === "[::1]" ||
      isLoopbackAddress(hostname)
    );
  } catch {
    return false;
  }
}
