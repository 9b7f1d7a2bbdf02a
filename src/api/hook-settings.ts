/** Between the settings of a hook as the API has them and as they are kept. */
import type { Broker, CheckedInput } from "../contract/types.ts";
import type { HookSettings } from "../hooks/index.ts";

export type HookInput = NonNullable<CheckedInput<"updateBroker">["body"]["on_publish"]> | null;

/** The settings after a change; null where none are left. A URL of null ends those from before. */
export function changedHook(input: HookInput, before: HookSettings | null): HookSettings | null {
  if (input === null) return null;
  const { url, retry, circuit_breaker: breaker } = input;
  const base = url === null ? {} : before;
  const settings: Record<keyof HookSettings, unknown> = {
    url: changed(url, base?.url),
    topics: changed(input.topics, base?.topics),
    timeoutMs: changed(input.timeout_ms, base?.timeoutMs),
    onFailure: changed(input.on_failure, base?.onFailure),
    rejectReasonCode: changed(input.reject_reason_code, base?.rejectReasonCode),
    retry: changed(
      retry &&
        withoutUndefined({
          initialDelayMs: retry.initial_delay_ms,
          maxDelayMs: retry.max_delay_ms,
          totalMs: retry.total_ms,
          fallback: retry.fallback,
        }),
      base?.retry,
    ),
    circuitBreaker: changed(
      breaker && withoutUndefined({ failures: breaker.failures, openMs: breaker.open_ms }),
      base?.circuitBreaker,
    ),
    deadLetterTopic: changed(input.dead_letter_topic, base?.deadLetterTopic),
  };
  const set = withoutUndefined(settings) as HookSettings;
  return Object.keys(set).length === 0 ? null : set;
}

/**
 * @param workerUrl of the Worker that runs in place of the hook of the settings, if there is one
 * @returns undefined where there is neither hook nor setting
 */
export function publicHook(settings: HookSettings | null, workerUrl: string | undefined): Broker["on_publish"] {
  const { topics, timeoutMs, onFailure, rejectReasonCode, retry, circuitBreaker, deadLetterTopic } = settings ?? {};
  const hook = withoutUndefined({
    url: workerUrl ?? settings?.url,
    topics: topics && [...topics],
    timeout_ms: timeoutMs,
    on_failure: onFailure,
    reject_reason_code: rejectReasonCode as NonNullable<Broker["on_publish"]>["reject_reason_code"],
    retry:
      retry &&
      withoutUndefined({
        initial_delay_ms: retry.initialDelayMs,
        max_delay_ms: retry.maxDelayMs,
        total_ms: retry.totalMs,
        fallback: retry.fallback,
      }),
    circuit_breaker:
      circuitBreaker && withoutUndefined({ failures: circuitBreaker.failures, open_ms: circuitBreaker.openMs }),
    dead_letter_topic: deadLetterTopic,
  });
  return Object.keys(hook).length === 0 ? undefined : hook;
}

/** What is left out stays, null clears. */
function changed<Value>(input: Value | null | undefined, before: Value | undefined): Value | undefined {
  return input === null ? undefined : (input ?? before);
}

type Defined<Type> = { [Key in keyof Type]?: Exclude<Type[Key], undefined> };

function withoutUndefined<Type extends object>(object: Type): Defined<Type> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<Type>;
}
