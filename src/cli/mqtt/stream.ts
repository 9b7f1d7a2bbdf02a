/** The stream of bytes to a broker: TCP, TLS or WebSocket. */
import { lookup as lookUp } from "node:dns";
import type { LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { cannotConnect } from "./errors.ts";
import { type Target, addressOf } from "./target.ts";
import { isSecure } from "./tls.ts";

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883 };

/**
 * Resolves when bytes can flow.
 * @throws {MqttConnectionError} where they cannot
 * @throws the signal's reason where it aborts before
 */
export async function openStream(target: Target, signal: AbortSignal): Promise<Duplex> {
  const isWebSocket = target.url.protocol.startsWith("ws");
  const { stream, opened } = isWebSocket ? await openWebSocket(target) : await openSocket(target);
  // It may fail before the `await` below goes on, and what went wrong is said there.
  stream.on("error", () => {});
  const abort = () => stream.destroy(signal.reason as Error);
  try {
    signal.throwIfAborted();
    signal.addEventListener("abort", abort, { once: true });
    await opened;
    return stream;
  } catch (error) {
    stream.destroy();
    signal.throwIfAborted();
    throw cannotConnect(addressOf(target), error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** A broker's endpoint has a name below localhost, which not every system takes for this machine (RFC 6761 §6.3). */
const lookup: LookupFunction = (host, options, done) =>
  lookUp(/\.localhost\.?$/i.test(host) ? "localhost" : host, options, done);

interface Opening {
  stream: Duplex;
  opened: Promise<void>;
}

async function openSocket({ url, tls }: Target): Promise<Opening> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? DEFAULT_PORTS[url.protocol]! : Number(url.port);
  if (!isSecure(url)) {
    const { connect } = await import("node:net");
    const stream = connect({ host, port, lookup, noDelay: true });
    return { stream, opened: happened(stream, "connect") };
  }
  const [{ connect }, { isIP }] = await Promise.all([import("node:tls"), import("node:net")]);
  // RFC 6066 §3: a server name is no address.
  const stream = connect({ host, port, lookup, ...tls, ...(isIP(host) === 0 && { servername: host }) });
  stream.setNoDelay(true);
  return { stream, opened: happened(stream, "secureConnect") };
}

async function openWebSocket({ url, tls, protocolVersion }: Target): Promise<Opening> {
  const { WebSocket, createWebSocketStream } = await import("./websocket-library.ts");
  const socket = new WebSocket(url, [protocolVersion === 3 ? "mqttv3.1" : "mqtt"], {
    ...tls,
    lookup,
    perMessageDeflate: false,
  });
  const stream = createWebSocketStream(socket);
  return { stream, opened: happened(socket, "open") };
}

interface Emitter {
  once(event: string, listener: (error: Error) => void): unknown;
}

async function happened(emitter: Emitter, event: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    emitter.once(event, () => resolve());
    emitter.once("error", reject);
    emitter.once("close", () => reject(new Error("the connection was closed before the broker answered")));
  });
}
