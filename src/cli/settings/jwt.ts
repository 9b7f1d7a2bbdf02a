/** Looks into JSON Web Tokens (RFC 7519) without checking them: that needs the broker's keys. */

export interface DecodedToken {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

/** @returns undefined where the text is not a signed JWT in compact form */
export function decodeToken(token: string): DecodedToken | undefined {
  const parts = token.trim().split(".");
  if (parts.length !== 3) return undefined;
  const [header, claims] = parts.slice(0, 2).map((part) => decodePart(part));
  return header && claims ? { header, claims } : undefined;
}

function decodePart(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The client id that the token is for. */
export function tokenClientId(token: string): string | undefined {
  const subject = decodeToken(token)?.claims["sub"];
  return typeof subject === "string" && subject !== "" ? subject : undefined;
}

/** UNIX milliseconds at which the token ends; Infinity where it does not, or does not say so. */
export function tokenExpiresAtMs(token: string): number {
  const expiry = decodeToken(token)?.claims["exp"];
  return typeof expiry === "number" ? expiry * 1000 : Number.POSITIVE_INFINITY;
}
