import { usageError } from "../errors.ts";

/**
 * Checks what can be checked before the server sees it.
 * @throws {UserError} `usage`
 */
export function checkHookUrl(text: string): string {
  const hint = "such as https://example.com/hook, or http://127.0.0.1:8787/ on this machine";
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw usageError(`"${text}" is not a URL`, hint);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw usageError(`a hook is called over HTTP, not ${url.protocol.slice(0, -1)}`, hint);
  }
  return text;
}
