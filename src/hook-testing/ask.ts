/** Asks a hook about messages, batch after batch, and says what would become of each. */
import { contentOf } from "../api/content.ts";
import type { Message, Verdict } from "../broker/ports.ts";
import type { Content } from "../contract/types.ts";
import type { Hook } from "../hooks/index.ts";

export type TestMessage = Pick<Message, "topic" | "payload" | "qos" | "retain" | "properties" | "receivedAtMs"> & {
  readonly clientId: string;
  readonly jti?: string | undefined;
};

export interface AskOptions {
  /** For the answer about a batch. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What the hook did with one message. */
export interface HookOutcome {
  readonly verdict: "passed" | "modified" | "dropped" | "rejected";
  /** Why it was dropped or rejected, such as `hook-dropped`. */
  readonly reason?: string | undefined;
  /** For people. */
  readonly detail?: string | undefined;
  /** HTTP status of the answer, where there was one. */
  readonly status?: number | undefined;
  /** From asking to the answer about the whole batch. */
  readonly ms: number;
  /** Messages of the batch. */
  readonly batch: number;
  readonly before: Content;
  /** Of modified. */
  readonly after?: Content | undefined;
}

/** @returns one for each message, in their order. @throws the signal's reason where it aborts */
export async function askHook(
  hook: Hook,
  batch: readonly TestMessage[],
  { timeoutMs, signal }: AskOptions,
): Promise<HookOutcome[]> {
  signal.throwIfAborted();
  const late = AbortSignal.timeout(timeoutMs);
  const messages = batch.map(toMessage);
  const startedAt = performance.now();
  let verdicts: readonly Verdict[];
  let status: number | undefined;
  try {
    ({ verdicts, status } = await hook.onPublish(messages, AbortSignal.any([late, signal])));
  } catch (error) {
    signal.throwIfAborted();
    const verdict: Verdict = late.aborted
      ? { kind: "drop", reason: "hook-timeout", detail: `no answer within ${timeoutMs / 1000} s` }
      : { kind: "drop", reason: "hook-unreachable", detail: (error as Error).message };
    verdicts = batch.map(() => verdict);
  }
  const facts = { ms: performance.now() - startedAt, batch: batch.length, ...(status !== undefined && { status }) };
  return messages.map((message, index) => ({
    ...outcomeOf(verdicts[index]!),
    ...facts,
    before: contentOf(message, Infinity),
  }));
}

function outcomeOf(verdict: Verdict): Pick<HookOutcome, "verdict" | "reason" | "detail" | "after"> {
  switch (verdict.kind) {
    case "accept":
      return { verdict: "passed" };
    case "replace":
      return { verdict: "modified", after: contentOf(verdict, Infinity) };
    case "drop":
      return { verdict: "dropped", reason: verdict.reason, detail: verdict.detail };
    case "reject":
      return { verdict: "rejected", reason: verdict.reason };
  }
}

function toMessage({ clientId, jti, ...message }: TestMessage, id: number): Message {
  return { ...message, id, publisherId: clientId, tokenId: jti, expiresAtMs: Infinity };
}
