/** The keys of a broker: they sign its tokens and its hook requests. Ed25519 (RFC 8037). */
import { createHash, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

/** In the form that Cloudflare's verifiers expect: `alg` is `EdDSA`, not `Ed25519`. */
export interface PublicJwk {
  readonly use: "sig";
  readonly kty: "OKP";
  readonly kid: string;
  readonly crv: "Ed25519";
  readonly alg: "EdDSA";
  /** base64url */
  readonly x: string;
}

export interface PrivateJwk extends PublicJwk {
  /** base64url; secret */
  readonly d: string;
}

/** Plain JSON, to be stored as it is. */
export interface SigningKey {
  /** The key's thumbprint (RFC 7638), so that equal keys have equal ids. */
  readonly kid: string;
  /** RFC 3339 */
  readonly createdOn: string;
  readonly publicJwk: PublicJwk;
  readonly privateJwk: PrivateJwk;
}

/** @param nowMs UNIX milliseconds */
export async function generateSigningKey(nowMs: number = Date.now()): Promise<SigningKey> {
  // Not with jose: it takes WebCrypto, which takes Node longer to load than the rest of this.
  const { privateKey } = await promisify(generateKeyPair)("ed25519");
  const { x, d } = privateKey.export({ format: "jwk" });
  if (x === undefined || d === undefined) throw new Error("an Ed25519 key without x or d");
  const kid = thumbprint(x);
  const publicJwk = { use: "sig", kty: "OKP", kid, crv: "Ed25519", alg: "EdDSA", x } as const;
  return { kid, createdOn: new Date(nowMs).toISOString(), publicJwk, privateJwk: { ...publicJwk, d } };
}

/** RFC 7638, of an Ed25519 key: the members that it names, in the order of their names (RFC 8037 §2). */
function thumbprint(x: string): string {
  return createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
}

/** The key that signs what is new; the others still verify what they signed before. @throws if there is none */
export function currentKey(keys: readonly SigningKey[]): SigningKey {
  const key = keys.at(-1);
  if (key === undefined) throw new Error("a broker without a key");
  return key;
}
