import { createHash } from "node:crypto";
import {
  type SignedToken,
  type TokenExpectations,
  type TokenVerification,
  verifyClaims,
  verifySignature,
  verifyToken,
} from "./tokens.ts";

const REMEMBERED_MAX = 4096;
/** Longer tokens are verified each time. */
const REMEMBERED_CHARS_MAX = 2048;

/**
 * Verifies tokens, and remembers those whose signature it found good, by their SHA-256: verifying one takes fifty times as
 * long as all else that is done for a CONNECT, and clients come back with the same token. What it says, its end and
 * revocations are checked every time, and so is whether the broker still has the key.
 */
export class TokenVerifier {
  readonly #signed = new Map<string, SignedToken>();

  /** As `verifyToken`. */
  verify(jwt: string, expected: TokenExpectations): TokenVerification {
    if (jwt.length > REMEMBERED_CHARS_MAX) return verifyToken(jwt, expected);
    const hash = createHash("sha256").update(jwt).digest("base64");
    const known = this.#signed.get(hash);
    if (known !== undefined && expected.keys.some(({ publicJwk: { x } }) => x === known.signedWith.x)) {
      return verifyClaims(known.claims, expected);
    }
    const signed = verifySignature(jwt, expected.keys);
    if (!signed.ok) return signed;
    this.#remember(hash, signed);
    return verifyClaims(signed.claims, expected);
  }

  #remember(hash: string, signed: SignedToken): void {
    if (this.#signed.size >= REMEMBERED_MAX) {
      // The one that was remembered first.
      for (const oldest of this.#signed.keys()) {
        this.#signed.delete(oldest);
        break;
      }
    }
    this.#signed.set(hash, signed);
  }
}
