/** What a hook did with messages, kept in a file, and how that differs from what it does now. */
import { readFile, writeFile } from "node:fs/promises";
import type { Content } from "../../contract/types.ts";
import type { HookOutcome } from "../../hook-testing/index.ts";
import { UserError } from "../../errors.ts";
import { type Change, diffContent } from "../messages/content-diff.ts";
import { unwritable } from "../output/line-file.ts";
import { unreadable } from "../settings/secrets.ts";

/** The part of an outcome that does not differ from run to run. */
export interface KeptOutcome {
  readonly topic: string;
  readonly verdict: HookOutcome["verdict"];
  readonly reason?: string | undefined;
  readonly after?: Content | undefined;
}

/** How an outcome differs from the one that is kept. */
export interface Difference {
  /** Such as `modified` or `dropped:hook-dropped`; undefined where there was no such message. */
  readonly before: string | undefined;
  /** Undefined where there is no such message any more. */
  readonly after: string | undefined;
  /** Of what is delivered. */
  readonly changes: readonly Change[];
}

export function keptOf(topic: string, { verdict, reason, after }: HookOutcome): KeptOutcome {
  return { topic, verdict, ...(reason !== undefined && { reason }), ...(after !== undefined && { after }) };
}

/** `passed`, `modified`, `dropped:hook-dropped` … */
export function verdictText({ verdict, reason }: Pick<KeptOutcome, "verdict" | "reason">): string {
  return reason === undefined ? verdict : `${verdict}:${reason}`;
}

/** @returns undefined where they are the same */
export function compareOutcomes(
  before: KeptOutcome | undefined,
  after: KeptOutcome | undefined,
): Difference | undefined {
  const [was, is] = [before && verdictText(before), after && verdictText(after)];
  const isSameTopic = before === undefined || after === undefined || before.topic === after.topic;
  const changes = before?.after && after?.after ? diffContent(before.after, after.after) : [];
  if (was === is && isSameTopic && changes.length === 0) return undefined;
  const topic = isSameTopic ? [] : [{ path: "topic", before: before.topic, after: after.topic }];
  return { before: was, after: is, changes: [...topic, ...changes] };
}

/** @returns undefined where there is none. @throws {UserError} `snapshot-invalid`, `file-unreadable` */
export async function readSnapshot(file: string): Promise<KeptOutcome[] | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(file, error);
  }
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line, index) => {
    const outcome = parseOutcome(line);
    if (outcome !== undefined) return outcome;
    const hint = "write it anew with --update";
    throw new UserError("snapshot-invalid", `${file}, line ${index + 1}: this is no line of a snapshot`, hint);
  });
}

/** A line for each message, so that a version control shows which one has changed. */
export async function writeSnapshot(file: string, outcomes: readonly KeptOutcome[]): Promise<void> {
  try {
    await writeFile(file, outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join(""));
  } catch (error) {
    throw unwritable(file, error);
  }
}

function parseOutcome(line: string): KeptOutcome | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isOutcome(value) ? value : undefined;
}

/** Whether this may be what `keptOf` made; also of the member `hook` of a recording, together with its topic. */
export function isOutcome(value: unknown): value is KeptOutcome {
  if (typeof value !== "object" || value === null) return false;
  const { topic, verdict, reason, after } = value as Record<string, unknown>;
  if (typeof topic !== "string" || (reason !== undefined && typeof reason !== "string")) return false;
  if (after !== undefined && !isContent(after)) return false;
  return ["passed", "modified", "dropped", "rejected"].includes(verdict as string);
}

function isContent(value: unknown): value is Content {
  if (typeof value !== "object" || value === null) return false;
  const { payload, payloadEncoding, properties } = value as Record<string, unknown>;
  const isEncoding = payloadEncoding === "utf8" || payloadEncoding === "base64";
  return typeof payload === "string" && isEncoding && (properties === undefined || typeof properties === "object");
}
