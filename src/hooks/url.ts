/** Which URLs a hook may have, and how they are shown. */
import { UserError } from "../errors.ts";

/**
 * Checks the URL of an on-publish hook: https anywhere, http on this machine only, because messages and answers would
 * cross a network in the clear.
 * @throws {UserError} `invalid-hook-url`
 */
export function parseHookUrl(url: string): URL {
  const hint = "Use https://, or http:// on loopback such as http://127.0.0.1:8787/.";
  if (!URL.canParse(url))
    throw new UserError("invalid-hook-url", `The hook URL ${JSON.stringify(url)} is not a URL.`, hint);
  const parsed = new URL(url);
  if (parsed.username !== "" || parsed.password !== "") {
    const remedy = "Leave them out: a hook knows its broker by the signature.";
    throw new UserError("invalid-hook-url", "The hook URL has a user name or password in it.", remedy);
  }
  if (parsed.protocol === "https:") return parsed;
  if (parsed.protocol !== "http:") {
    throw new UserError("invalid-hook-url", `The hook URL begins with ${parsed.protocol}, not with https:.`, hint);
  }
  if (!isLoopback(parsed.hostname)) {
    const message = `The hook URL ${displayUrl(parsed)} would send messages unencrypted over the network.`;
    throw new UserError("invalid-hook-url", message, hint);
  }
  return parsed;
}

/** The URL without what may be secret: query and fragment. */
export function displayUrl(url: URL): string {
  return url.origin + url.pathname;
}

/** @param hostname as `URL` normalizes it: lower case, IPv4 in four parts, IPv6 in brackets */
function isLoopback(hostname: string): boolean {
  // RFC 6761 §6.3: localhost and the names below it are loopback.
  if (hostname === "localhost" || hostname.endsWith(".localhost")) return true;
  return /^127(\.\d+){3}$/.test(hostname) || hostname === "[::1]";
}
