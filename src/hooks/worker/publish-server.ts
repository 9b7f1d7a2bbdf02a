/** Where `env.BROKER` of the Workers reaches the broker: an HTTP server on loopback, for those who know its secret. */
import { timingSafeEqual } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { InternalPublish, PublishOutcome } from "../../broker/ports.ts";
import type { Properties, QoS } from "../../codec/index.ts";
import { decodeFrame } from "./frame.ts";

/** Gives messages to the broker; `publisherId` stands where others have a client id. */
export type Publish = (publisherId: string, messages: readonly InternalPublish[]) => Promise<PublishOutcome[]>;

/** Of one call: a message may be as large as MQTT has them, and the binding collects up to 1 MiB besides. */
const CALL_BYTES_MAX = 260 * 1024 * 1024;

/** One message, as worker/pubsub-broker.js has it. */
interface Head {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly hook: boolean;
  /** Of the payload, in bytes. */
  readonly length: number;
  readonly properties: Omit<Properties, "correlationData"> & { readonly correlationData?: string };
}

export class PublishServer {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async listen(secret: string, publish: Publish): Promise<PublishServer> {
    const server = http.createServer((request, response) => {
      if (!isEqual(request.headers["x-pubsub-secret"], secret)) {
        response.writeHead(403).end("only for Workers of this broker");
        return;
      }
      respond(request, publish).then(
        (outcomes) => response.end(JSON.stringify(outcomes)),
        (error: Error) => response.writeHead(500).end(error.message),
      );
    });
    // Workers keep their connections.
    server.keepAliveTimeout = 0;
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    return new PublishServer(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function respond(request: http.IncomingMessage, publish: Publish): Promise<PublishOutcome[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > CALL_BYTES_MAX) throw new Error("more bytes at once than a message of MQTT may have");
    chunks.push(chunk);
  }
  const { header, payloads } = decodeFrame(Buffer.concat(chunks));
  const hops = Number(request.headers["x-pubsub-hops"]);
  let at = 0;
  const messages = (header as Head[]).map(({ hook, length, properties, ...head }): InternalPublish => {
    const payload = payloads.subarray(at, at + length);
    at += length;
    return { ...head, payload, properties: propertiesOf(properties), hops, skipsHooks: !hook };
  });
  return await publish(`$worker/${String(request.headers["x-pubsub-worker"])}`, messages);
}

function propertiesOf({ correlationData, ...rest }: Head["properties"]): Properties | undefined {
  const properties: Properties = rest;
  if (correlationData !== undefined) properties.correlationData = Buffer.from(correlationData, "base64");
  return Object.keys(properties).length === 0 ? undefined : properties;
}

function isEqual(given: string | string[] | undefined, secret: string): boolean {
  if (typeof given !== "string") return false;
  const [one, other] = [Buffer.from(given), Buffer.from(secret)];
  return one.length === other.length && timingSafeEqual(one, other);
}
