/** What a hook changed in a message, for `tail --diff`: JSON member by member, other text and bytes as a whole. */
import type { Content } from "../../contract/types.ts";
import type { Colors } from "../output/colors.ts";
import { printable } from "../output/table.ts";

export interface Change {
  /** Such as `payload.card.number` or `contentType`. */
  path: string;
  /** Undefined where there was nothing before. */
  before: string | undefined;
  /** Undefined where nothing is left. */
  after: string | undefined;
}

/** JSON that is nested deeper is compared as text. */
const DEPTH_MAX = 32;

export function diffContent(before: Content, after: Content): Change[] {
  const changes = diffPayload(before, after);
  compare("properties", { ...before.properties }, { ...after.properties }, 1, changes);
  return changes.map(({ path, ...values }) => ({ path: path.replace(/^properties\./, ""), ...values }));
}

/** Two lines for each change, one where something came or went. */
export function formatChanges(changes: readonly Change[], { red, green, dim }: Colors): string {
  return changes
    .flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [red(`    - ${path}`) + dim(" = ") + red(before)]),
      ...(after === undefined ? [] : [green(`    + ${path}`) + dim(" = ") + green(after)]),
    ])
    .map((line) => `\n${line}`)
    .join("");
}

function diffPayload(before: Content, after: Content): Change[] {
  if (before.payload === after.payload && before.payloadEncoding === after.payloadEncoding) return [];
  const [old, now] = [parseJson(before), parseJson(after)];
  if (old === undefined || now === undefined) {
    return [{ path: "payload", before: contentText(before), after: contentText(after) }];
  }
  const changes: Change[] = [];
  compare("payload", old.value, now.value, 0, changes);
  // The same JSON, written in another way.
  if (changes.length === 0) return [{ path: "payload", before: contentText(before), after: contentText(after) }];
  return changes;
}

function compare(path: string, before: unknown, after: unknown, depth: number, changes: Change[]): void {
  const [first, second] = [membersOf(before), membersOf(after)];
  if (depth < DEPTH_MAX && first && second && Array.isArray(first) === Array.isArray(second)) {
    for (const name of new Set([...Object.keys(first), ...Object.keys(second)])) {
      compare(memberPath(path, name, first), first[name], second[name], depth + 1, changes);
    }
    return;
  }
  const [old, now] = [jsonText(before), jsonText(after)];
  if (old !== now) changes.push({ path, before: old, after: now });
}

type Members = Record<string, unknown>;

function membersOf(value: unknown): Members | undefined {
  return typeof value === "object" && value !== null ? (value as Members) : undefined;
}

function memberPath(path: string, name: string, parent: Members): string {
  if (Array.isArray(parent)) return `${path}[${name}]`;
  return /^[\w-]+$/.test(name) ? `${path}.${name}` : `${path}[${printable(JSON.stringify(name))}]`;
}

function jsonText(value: unknown): string | undefined {
  return value === undefined ? undefined : printable(JSON.stringify(value));
}

function parseJson({ payload, payloadEncoding, payloadTruncated }: Content): { value: unknown } | undefined {
  if (payloadEncoding !== "utf8" || payloadTruncated) return undefined;
  try {
    return { value: JSON.parse(payload) };
  } catch {
    return undefined;
  }
}

function contentText({ payload, payloadEncoding }: Content): string {
  return payloadEncoding === "utf8" ? printable(payload) : `0x${Buffer.from(payload, "base64").toString("hex")}`;
}
