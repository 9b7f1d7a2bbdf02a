/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: the client proves that it knows the password, which never
 * crosses the network, and the server proves that it knew it too. The password of a client is its token; what is kept here
 * is enough to check it, not to act as the client.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

export const SCRAM_METHOD = "SCRAM-SHA-256";

/** RFC 7677 §4: at least 4096. Passwords here are tokens, which are not guessable. */
const ITERATIONS = 4096;
const SALT_BYTES = 16;
const NONCE_BYTES = 18;
/** base64 of the header `n,,`: no channel binding. */
const NO_CHANNEL_BINDING = /^([ny]),(?:a=[^,]*)?,/;

/** All are base64. */
export interface ScramVerifier {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

const deriveKey = promisify(pbkdf2);

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** What the server keeps of a password. */
export async function createScramVerifier(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
): Promise<ScramVerifier> {
  const salted = await deriveKey(password, salt, ITERATIONS, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
  return {
    salt: salt.toString("base64"),
    iterations: ITERATIONS,
    storedKey: storedKey.toString("base64"),
    serverKey: hmac(salted, "Server Key").toString("base64"),
  };
}

export type ScramOutcome =
  | { readonly ok: true; readonly userName: string; readonly data: Buffer }
  | { readonly ok: false; readonly reason: string };

/** One exchange with one client. */
export class ScramExchange {
  readonly #lookUp: (userName: string) => ScramVerifier | undefined;
  readonly #serverNonce: string;
  #userName = "";
  #header = "";
  #nonce = "";
  #clientFirstBare = "";
  #serverFirst = "";
  #verifier: ScramVerifier | undefined;

  /** @param serverNonce our part of the nonce; random unless a test gives it */
  constructor(
    lookUp: (userName: string) => ScramVerifier | undefined,
    serverNonce: string = randomBytes(NONCE_BYTES).toString("base64"),
  ) {
    this.#lookUp = lookUp;
    this.#serverNonce = serverNonce;
  }

  /**
   * Answers client-first-message with server-first-message. A user name that is not known gets a challenge like any other,
   * so that nobody learns which exist.
   * @returns undefined if the message is not understood
   */
  begin(clientFirst: Buffer): Buffer | undefined {
    const text = clientFirst.toString("utf8");
    const header = NO_CHANNEL_BINDING.exec(text)?.[0];
    if (header === undefined) return undefined;
    const bare = text.slice(header.length);
    const match = /^n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,|$)/.exec(bare);
    if (match === null) return undefined;
    this.#header = header;
    this.#userName = match[1]!.replaceAll("=2C", ",").replaceAll("=3D", "=");
    this.#nonce = match[2]! + this.#serverNonce;
    this.#clientFirstBare = bare;
    this.#verifier = this.#lookUp(this.#userName);
    const { salt, iterations } = this.#verifier ?? pretendedVerifier(this.#userName);
    this.#serverFirst = `r=${this.#nonce},s=${salt},i=${iterations}`;
    return Buffer.from(this.#serverFirst);
  }

  /** Checks client-final-message; `data` is server-final-message. */
  finish(clientFinal: Buffer): ScramOutcome {
    const text = clientFinal.toString("utf8");
    const match = /^c=([^,]*),r=([^,]*)(?:,[^,]+)*,p=([^,]+)$/.exec(text);
    if (match === null) return { ok: false, reason: "not a SCRAM client-final-message" };
    const [, binding, nonce, proof] = match;
    if (Buffer.from(binding!, "base64").toString("utf8") !== this.#header || nonce !== this.#nonce) {
      return { ok: false, reason: "the SCRAM messages do not belong together" };
    }
    const wrong = { ok: false, reason: "wrong user name or password" } as const;
    if (this.#verifier === undefined) return wrong;
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${text.slice(0, text.lastIndexOf(",p="))}`;
    const storedKey = Buffer.from(this.#verifier.storedKey, "base64");
    const signature = hmac(storedKey, authMessage);
    const given = Buffer.from(proof!, "base64");
    if (given.length !== signature.length) return wrong;
    const clientKey = given.map((byte, i) => byte ^ signature[i]!);
    if (!timingSafeEqual(createHash("sha256").update(clientKey).digest(), storedKey)) return wrong;
    const serverSignature = hmac(Buffer.from(this.#verifier.serverKey, "base64"), authMessage);
    return { ok: true, userName: this.#userName, data: Buffer.from(`v=${serverSignature.toString("base64")}`) };
  }
}

/** Known to this process alone, so that a pretended salt stays the same and cannot be told from a real one. */
const pretence = randomBytes(32);

function pretendedVerifier(userName: string): Pick<ScramVerifier, "salt" | "iterations"> {
  return { salt: hmac(pretence, userName).subarray(0, SALT_BYTES).toString("base64"), iterations: ITERATIONS };
}
