/** Which verdicts say that the hook failed, and what the broker's policy makes of them. Pure. */
import type { HookDropReason, HookFailure, Verdict } from "../broker/ports.ts";
import type { HookAnswer } from "./hook.ts";
import type { FailureFallback, HookPolicy } from "./settings.ts";

/**
 * What each reason means.
 * - `failure`: the hook did not decide. The policy does.
 * - `fault`: it decided about this message in a way that cannot be followed. To deliver what it wanted changed would be
 *   wrong, and to ask again of no use: it is dropped whatever the policy is, but it is a dead letter.
 * - `decision`: it, or the end of the broker, wanted it so.
 */
const kinds: Readonly<Record<HookDropReason, "failure" | "fault" | "decision">> = {
  "hook-unreachable": "failure",
  "hook-timeout": "failure",
  "hook-status": "failure",
  "hook-invalid-answer": "failure",
  "hook-answer-too-large": "failure",
  "hook-overloaded": "failure",
  "hook-circuit-open": "failure",
  "hook-changed-topic": "fault",
  "hook-invalid-message": "fault",
  "hook-dropped": "decision",
  "hook-stopped": "decision",
};

/** Why a hook gave no answer for a batch; undefined if it gave one. */
export function failureOf({ verdicts }: HookAnswer): HookFailure | undefined {
  // A failure is that of the whole batch.
  const [first] = verdicts;
  return first?.kind === "drop" && kinds[first.reason] === "failure" ? first : undefined;
}

/** The verdict that the broker gets: what the policy says where the hook failed. */
export function outcomeOf(verdict: Verdict, policy: HookPolicy): Verdict {
  if (verdict.kind !== "drop") return verdict;
  const { reason, detail } = verdict;
  const kind = kinds[reason];
  if (kind === "decision") return verdict;
  const failure = detail === undefined ? { reason } : { reason, detail };
  const { deadLetterTopic } = policy;
  const letter = deadLetterTopic === undefined ? {} : { deadLetterTopic };
  switch (kind === "fault" ? "drop" : fallbackOf(policy)) {
    case "drop":
      return { kind: "drop", ...failure, ...letter };
    case "pass":
      return { kind: "accept", failure };
    case "reject":
      return { kind: "reject", reasonCode: policy.rejectReasonCode, ...failure, ...letter };
  }
}

function fallbackOf({ onFailure, retry }: HookPolicy): FailureFallback {
  return onFailure === "retry" ? retry.fallback : onFailure;
}
