import { createHash } from "node:crypto";

/** Of an operation's result: the same for the same content (RFC 9110 §8.8.3). */
export function etagOf(result: unknown): string {
  return `"${createHash("sha256").update(JSON.stringify(result)).digest("base64url").slice(0, 22)}"`;
}

/** @param ifMatch the header: `*` or entity tags (RFC 9110 §13.1.1); weak ones match nothing */
export function isMatch(ifMatch: string, etag: string): boolean {
  return ifMatch.split(",").some((each) => ["*", etag].includes(each.trim()));
}
