/** What a hook has printed while it decided about a batch: the header of its answer with which our own Workers say so. */
import type { ConsoleLine } from "../broker/ports.ts";

/** worker/pubsub-console.js writes it: `[[level, text], …]`, URL-encoded. */
export const CONSOLE_HEADER = "x-pubsub-console";

/** @returns nothing where the header is not what it should be */
export function readConsole(header: string): ConsoleLine[] {
  try {
    const lines: unknown = JSON.parse(decodeURIComponent(header));
    return Array.isArray(lines) ? lines.flatMap(lineOf) : [];
  } catch {
    return [];
  }
}

function lineOf(value: unknown): ConsoleLine[] {
  if (!Array.isArray(value)) return [];
  const [level, text] = value as unknown[];
  if (typeof text !== "string") return [];
  return [{ kind: level === "error" ? "error" : level === "warn" ? "warning" : "log", text }];
}
