/** A hook behind a real HTTP server on a free port, and the check that Cloudflare's documentation tells Workers to make. */
import { generateKeyPairSync, type webcrypto } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export type Answerer = (received: Received, response: http.ServerResponse) => void;

export class HookServer {
  readonly received: Received[] = [];
  connections = 0;
  answer: Answerer = ({ body }, response) => response.end(body);
  readonly #server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      const received = { method, path, headers, body: Buffer.concat(chunks).toString() };
      this.received.push(received);
      this.answer(received, response);
    });
  });

  async listen(): Promise<string> {
    this.#server.on("connection", () => this.connections++);
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A broker's key as the store keeps it and as the API shows it. */
export function signingKey(kid = "key-1") {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x, d } = privateKey.export({ format: "jwk" });
  const publicJwk = { use: "sig", kty: "OKP", kid, crv: "Ed25519", alg: "EdDSA", x: x! };
  return { kid, publicJwk, privateJwk: { ...publicJwk, d: d! } };
}

/**
 * What an unchanged Worker does with a request (as the archived documentation of Pub/Sub describes `isValidBrokerRequest`):
 * headers, atob, the JWK whose `kid` is named, verification over timestamp and body. Only the algorithm's name differs,
 * which is `NODE-ED25519` in the original and known to workerd alone.
 */
export async function isValidBrokerRequest(received: Received, publicKeys: string): Promise<boolean> {
  const signature = received.headers["x-signature-ed25519"] as string;
  const timestamp = received.headers["x-signature-timestamp"] as string;
  const keyId = received.headers["x-signature-key-id"] as string;
  const { keys } = JSON.parse(publicKeys) as { keys: (webcrypto.JsonWebKey & { kid: string })[] };
  const jwk = keys.find(({ kid }) => kid === keyId);
  if (received.method !== "POST" || jwk === undefined) return false;
  const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
  const bytes = Uint8Array.from(atob(signature), (character) => character.charCodeAt(0));
  return crypto.subtle.verify({ name: "Ed25519" }, key, bytes, new TextEncoder().encode(timestamp + received.body));
}
