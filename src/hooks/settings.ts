/** What a broker wants of its on-publish hook, and what becomes of messages where the hook fails. */

/** `retry` asks again for a while; its fallback is one of the others. */
export type FailureFallback = "drop" | "pass" | "reject";
export type FailurePolicy = FailureFallback | "retry";

export interface RetrySettings {
  /** Before the second attempt; doubled before each further one, and up to half of it taken off at random. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** From the first attempt on. The last attempt begins before. */
  readonly totalMs: number;
  /** What becomes of messages then, and of those for which there is no room while others wait. */
  readonly fallback: FailureFallback;
}

export interface CircuitBreakerSettings {
  /** In a row, after which the hook is not asked any more. */
  readonly failures: number;
  /** Until one batch is sent to see whether the hook is back. */
  readonly openMs: number;
}

/** As they are kept. What is left out is as in `hookDefaults`. */
export interface HookSettings {
  /** Without one there is no hook, unless a Worker that runs here is in its place. */
  readonly url?: string | undefined;
  /** Filters of the topics whose messages go to the hook; all where it is left out. */
  readonly topics?: readonly string[] | undefined;
  /** For the whole answer, body included. */
  readonly timeoutMs?: number | undefined;
  readonly onFailure?: FailurePolicy | undefined;
  /** MQTT reason code for publishers, of `reject`. */
  readonly rejectReasonCode?: number | undefined;
  readonly retry?: Partial<RetrySettings> | undefined;
  /** None where it is left out. */
  readonly circuitBreaker?: Partial<CircuitBreakerSettings> | undefined;
  /** Where messages go that the hook's failure would lose; nowhere where it is left out. */
  readonly deadLetterTopic?: string | undefined;
}

/** Settings with all defaults in place. */
export interface HookPolicy {
  readonly topics: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly onFailure: FailurePolicy;
  readonly rejectReasonCode: number;
  readonly retry: RetrySettings;
  readonly circuitBreaker: CircuitBreakerSettings | undefined;
  readonly deadLetterTopic: string | undefined;
}

/** As Cloudflare Pub/Sub did: ten seconds, then the message is dropped. */
const hookDefaults = {
  timeoutMs: 10_000,
  onFailure: "drop",
  /** Implementation specific error: "valid but the receiver is not willing to accept it" (MQTT 5.0 §3.4.2.1). */
  rejectReasonCode: 0x83,
  retry: { initialDelayMs: 200, maxDelayMs: 10_000, totalMs: 60_000, fallback: "drop" },
  circuitBreaker: { failures: 5, openMs: 10_000 },
} as const;

export function policyOf(settings: HookSettings | null): HookPolicy {
  const { topics, timeoutMs, onFailure, rejectReasonCode, retry, circuitBreaker, deadLetterTopic } = settings ?? {};
  return {
    topics,
    timeoutMs: timeoutMs ?? hookDefaults.timeoutMs,
    onFailure: onFailure ?? hookDefaults.onFailure,
    rejectReasonCode: rejectReasonCode ?? hookDefaults.rejectReasonCode,
    retry: { ...hookDefaults.retry, ...retry },
    circuitBreaker: circuitBreaker && { ...hookDefaults.circuitBreaker, ...circuitBreaker },
    deadLetterTopic,
  };
}
