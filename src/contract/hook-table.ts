/** Words and bounds of hooks.ts that the command line offers and checks. Plain data, so that this does not load zod. */

export const failureFallbacks = ["drop", "pass", "reject"] as const;
export const failurePolicies = [...failureFallbacks, "retry"] as const;

/** Those of PUBACK and PUBREC that fit (MQTT 5.0 §3.4.2.1). */
export const rejectReasonCodes = [0x80, 0x83, 0x87, 0x97, 0x99] as const;

export const hookRanges = {
  timeoutMs: { minimum: 10, maximum: 60_000 },
  initialDelayMs: { minimum: 1, maximum: 60_000 },
  maxDelayMs: { minimum: 1, maximum: 600_000 },
  totalMs: { minimum: 1, maximum: 3_600_000 },
  failures: { minimum: 1, maximum: 1000 },
  openMs: { minimum: 10, maximum: 3_600_000 },
} as const;
