/** The bearer token of the management API. Only its hash is kept. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** A new token: 256 random bits, base64url. */
export function generateApiToken(): string {
  return randomBytes(32).toString("base64url");
}

/** SHA-256 in hexadecimal digits. Enough without a salt, for tokens are not guessable. */
export function hashApiToken(apiToken: string): string {
  return createHash("sha256").update(apiToken).digest("hex");
}

/**
 * Compares in constant time, so that the answer's delay tells nothing.
 * @param hash of {@link hashApiToken}
 */
export function createApiTokenCheck(hash: string): (candidate: string) => boolean {
  const expected = Buffer.from(hash, "hex");
  return (candidate) => timingSafeEqual(createHash("sha256").update(candidate).digest(), expected);
}
