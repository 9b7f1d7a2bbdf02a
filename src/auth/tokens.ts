/**
 * Client tokens: JSON Web Tokens (RFC 7519), signed with EdDSA. `kid` is in the header; claims are `iss` (namespace),
 * `aud` (broker), `sub` (client id), `jti`, `iat`, `exp` if they end, and `topicAcl`.
 */
import { isUtf8 } from "node:buffer";
import { type KeyObject, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { PublicJwk, SigningKey } from "./keys.ts";

/** How far another machine's clock may be ahead of ours: for `iat` and `nbf`. `exp` is taken at its word. */
const CLOCK_LEEWAY_MS = 60_000;

export interface TokenClaims {
  /** Name of the namespace. */
  readonly issuer: string;
  /** Name of the broker. */
  readonly audience: string;
  readonly clientId: string;
  readonly jti: string;
  /** Topic filters that the client may publish and subscribe to; see acl.ts. */
  readonly topicAcl: string | readonly string[];
  /** UNIX milliseconds, whole seconds. */
  readonly issuedAtMs: number;
  /** UNIX milliseconds, whole seconds; Infinity where the token does not end. */
  readonly expiresAtMs: number;
}

/** A JSON object as a token has it: unchecked. */
type JsonObject = Readonly<Record<string, unknown>>;

/** Times are cut to whole seconds. A `topicAcl` with one filter becomes a string, as in the original. */
export function issueToken(key: SigningKey, claims: TokenClaims): string {
  const { issuer, audience, clientId, jti, issuedAtMs, expiresAtMs } = claims;
  const filters = typeof claims.topicAcl === "string" ? [claims.topicAcl] : claims.topicAcl;
  const payload = {
    iss: issuer,
    aud: audience,
    sub: clientId,
    jti,
    iat: Math.floor(issuedAtMs / 1000),
    topicAcl: filters.length === 1 ? filters[0] : filters,
    ...(expiresAtMs !== Infinity && { exp: Math.floor(expiresAtMs / 1000) }),
  };
  // Not with jose, here and below: it is more than a server's start has time to load, and verifies in another thread.
  const signed = `${encodeJson({ alg: "EdDSA", kid: key.kid, typ: "JWT" })}.${encodeJson(payload)}`;
  const privateKey = createPrivateKey({ key: { ...key.privateJwk }, format: "jwk" });
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString("base64url")}`;
}

function encodeJson(value: JsonObject): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

export interface TokenExpectations {
  /** Those of the broker that the client wants to enter. */
  readonly keys: readonly SigningKey[];
  readonly issuer: string;
  readonly audience: string;
  readonly isRevoked: (jti: string) => boolean;
  /** UNIX milliseconds. */
  readonly nowMs: number;
}

export type TokenFailureKind =
  /** Not a JWT that this broker could have made. */
  | "malformed"
  /** Signed with a key that the broker does not have, so for another broker or another server. */
  | "unknown-key"
  | "bad-signature"
  | "expired"
  | "not-yet-valid"
  | "wrong-issuer"
  | "wrong-audience"
  | "revoked"
  | "missing-claim";

export interface TokenFailure {
  readonly ok: false;
  readonly kind: TokenFailureKind;
  /** For people. Contains nothing of the token but names and times. */
  readonly reason: string;
}

export type TokenVerification = { readonly ok: true; readonly claims: TokenClaims } | TokenFailure;

function fail(kind: TokenFailureKind, reason: string): TokenFailure {
  return { ok: false, kind, reason };
}

/** Checks signature and every claim. Never throws for what a client sent. */
export function verifyToken(jwt: string, expected: TokenExpectations): TokenVerification {
  const signed = verifySignature(jwt, expected.keys);
  return signed.ok ? verifyClaims(signed.claims, expected) : signed;
}

export interface SignedToken {
  readonly ok: true;
  /** Unchecked, but signed. */
  readonly claims: JsonObject;
  readonly signedWith: PublicJwk;
}

/** Checks that one of the keys has signed the token (RFC 7515 §5.2, RFC 8037 §3.1). */
export function verifySignature(jwt: string, keys: readonly SigningKey[]): SignedToken | TokenFailure {
  const unverified = readUnverifiedToken(jwt);
  if (unverified === undefined) return fail("malformed", "not a JSON Web Token");
  const { header, claims } = unverified;
  if (header.alg !== "EdDSA") return fail("malformed", "the token is not signed with EdDSA");
  // It asks for extensions which nobody knows.
  if (header.crit !== undefined) return fail("malformed", "not a token of this broker");
  const signedWith = keys.find(({ kid }) => kid === header.kid)?.publicJwk;
  if (signedWith === undefined) {
    return fail("unknown-key", "the token was signed with a key that this broker does not have");
  }
  const end = jwt.lastIndexOf(".");
  const signature = jwt.slice(end + 1);
  const isSigned =
    SIGNATURE.test(signature) &&
    verify(null, Buffer.from(jwt.slice(0, end)), keyObjectOf(signedWith), Buffer.from(signature, "base64url"));
  if (!isSigned) return fail("bad-signature", "the token's signature does not match its content");
  return { ok: true, claims, signedWith };
}

/** 64 bytes in base64url. */
const SIGNATURE = /^[\w-]{86}$/;

/** Making one takes a tenth of the time that verifying takes. */
const keyObjects = new WeakMap<PublicJwk, KeyObject>();

function keyObjectOf(jwk: PublicJwk): KeyObject {
  let key = keyObjects.get(jwk);
  if (key === undefined) {
    key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    keyObjects.set(jwk, key);
  }
  return key;
}

/** Checks the claims of a token whose signature was verified. */
export function verifyClaims(claims: JsonObject, expected: TokenExpectations): TokenVerification {
  const { iss, aud, sub, jti, iat, nbf, exp, topicAcl } = claims;
  const missing = (claim: string) => fail("missing-claim", `the token has no usable claim ${claim}`);
  if (typeof iss !== "string") return missing("iss");
  if (typeof aud !== "string") return missing("aud");
  if (typeof sub !== "string" || sub === "") return missing("sub");
  if (typeof jti !== "string" || jti === "") return missing("jti");
  if (!isTime(iat)) return missing("iat");
  if (nbf !== undefined && !isTime(nbf)) return missing("nbf");
  if (exp !== undefined && !isTime(exp)) return missing("exp");
  if (!isTopicAcl(topicAcl)) return missing("topicAcl");

  if (iss !== expected.issuer) return fail("wrong-issuer", `the token is for the namespace ${iss}`);
  if (aud !== expected.audience) return fail("wrong-audience", `the token is for the broker ${aud}`);
  const startsAtMs = Math.max(iat, nbf ?? iat) * 1000;
  if (startsAtMs > expected.nowMs + CLOCK_LEEWAY_MS) {
    return fail("not-yet-valid", `the token is not valid before ${isoTime(startsAtMs)}`);
  }
  const expiresAtMs = exp === undefined ? Infinity : exp * 1000;
  if (expiresAtMs <= expected.nowMs) return fail("expired", `the token expired at ${isoTime(expiresAtMs)}`);
  if (expected.isRevoked(jti)) return fail("revoked", "the token was revoked");
  return {
    ok: true,
    claims: { issuer: iss, audience: aud, clientId: sub, jti, topicAcl, issuedAtMs: iat * 1000, expiresAtMs },
  };
}

/** NumericDate of RFC 7519 §2 that a Date can hold. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 8.64e12;
}

function isTopicAcl(value: unknown): value is string | string[] {
  return typeof value === "string" || (Array.isArray(value) && value.every((filter) => typeof filter === "string"));
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export interface UnverifiedToken {
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/**
 * Reads a token without checking anything but its form: to find the broker that it names, which then verifies it, or to
 * show it to its owner.
 * @returns undefined if it is not a JWT
 */
export function readUnverifiedToken(jwt: string): UnverifiedToken | undefined {
  const parts = jwt.split(".");
  if (parts.length !== 3) return undefined;
  const header = decodeJson(parts[0]!);
  const claims = decodeJson(parts[1]!);
  return header && claims && { header, claims };
}

const BASE64URL = /^[\w-]+$/;

/** @returns undefined if it is not a JSON object in UTF-8 and base64url */
function decodeJson(part: string): JsonObject | undefined {
  if (!BASE64URL.test(part)) return undefined;
  const bytes = Buffer.from(part, "base64url");
  if (!isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}
