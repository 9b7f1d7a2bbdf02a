/** What a hook has besides its URL, as options: of `hook set`, and with `--hook-` before them of other commands. */
import { type Command, Option } from "commander";
import { failureFallbacks, failurePolicies, hookRanges, rejectReasonCodes } from "../../contract/hook-table.ts";
import type { Broker, Input } from "../../contract/types.ts";
import { usageError } from "../errors.ts";
import { checkHookUrl } from "../settings/hook-url.ts";
import { checkTopicFilter } from "../messages/topic.ts";
import { reasonText } from "../mqtt/reasons.ts";
import { collect, milliseconds } from "../option-parsers.ts";
import { formatMilliseconds } from "../duration.ts";
import { printable } from "../output/table.ts";

type HookInput = NonNullable<Input<"updateBroker">["on_publish"]>;
type Hook = NonNullable<Broker["on_publish"]>;
type RejectReasonCode = (typeof rejectReasonCodes)[number];

interface Settings {
  topic?: string[];
  timeout?: number;
  onFailure?: (typeof failurePolicies)[number];
  rejectCode?: RejectReasonCode;
  retryFor?: number;
  retryDelay?: number;
  retryDelayMax?: number;
  fallback?: (typeof failureFallbacks)[number];
  circuitBreaker?: Breaker | "off";
  deadLetterTopic?: string;
}

type Prefixed<Options> = {
  [Name in keyof Options & string as `hook${Capitalize<Name>}`]?: Options[Name];
};

/** Of `hook set`. */
export type HookSettingOptions = Settings;
/** Of commands that set more than the hook. */
export type PrefixedHookOptions = Prefixed<Settings>;

interface Breaker {
  failures: number;
  open_ms?: number;
}

export function addHookOptions(command: Command, prefix: "" | "hook-" = ""): void {
  const name = (option: string) => `--${prefix}${option}`;
  const duration = (option: string, range: keyof typeof hookRanges) => milliseconds(name(option), hookRanges[range]);
  command
    .option(`${name("topic")} <filter>`, "only messages on these topics go to the hook; may be repeated", collect)
    .option(`${name("timeout")} <duration>`, "for its answer (default: 10s)", duration("timeout", "timeoutMs"))
    .addOption(
      new Option(`${name("on-failure")} <policy>`, "what becomes of messages where the hook fails").choices(
        failurePolicies,
      ),
    )
    .option(
      `${name("reject-code")} <code>`,
      "MQTT reason code of reject (default: 0x83)",
      rejectCode(name("reject-code")),
    )
    .option(`${name("retry-for")} <duration>`, "how long retry tries (default: 60s)", duration("retry-for", "totalMs"))
    .option(
      `${name("retry-delay")} <duration>`,
      "before the second attempt, doubled for each further one (default: 200ms)",
      duration("retry-delay", "initialDelayMs"),
    )
    .option(
      `${name("retry-delay-max")} <duration>`,
      "the longest delay (default: 10s)",
      duration("retry-delay-max", "maxDelayMs"),
    )
    .addOption(
      new Option(`${name("fallback")} <policy>`, "what retry does in the end (default: drop)").choices(
        failureFallbacks,
      ),
    )
    .option(
      `${name("circuit-breaker")} <failures[/duration]>`,
      "ask no more after so many failures in a row, for so long: 5/10s; off",
      circuitBreaker(name("circuit-breaker")),
    )
    .option(`${name("dead-letter-topic")} <topic>`, "publish there what the hook's failure would lose");
}

/** @returns undefined where no option is given */
export function hookSettingsOf(options: HookSettingOptions): HookInput | undefined {
  const { topic, timeout, onFailure, rejectCode: code, fallback, circuitBreaker: breaker, deadLetterTopic } = options;
  const { retryFor, retryDelay, retryDelayMax } = options;
  for (const filter of topic ?? []) checkTopicFilter(filter);
  const retry = {
    ...(retryFor !== undefined && { total_ms: retryFor }),
    ...(retryDelay !== undefined && { initial_delay_ms: retryDelay }),
    ...(retryDelayMax !== undefined && { max_delay_ms: retryDelayMax }),
    ...(fallback !== undefined && { fallback }),
  };
  const settings: HookInput = {
    ...(topic !== undefined && { topics: topic }),
    ...(timeout !== undefined && { timeout_ms: timeout }),
    ...(onFailure !== undefined && { on_failure: onFailure }),
    ...(code !== undefined && { reject_reason_code: code }),
    ...(Object.keys(retry).length > 0 && { retry }),
    ...(breaker !== undefined && { circuit_breaker: breaker === "off" ? null : breaker }),
    ...(deadLetterTopic !== undefined && { dead_letter_topic: deadLetterTopic }),
  };
  return Object.keys(settings).length === 0 ? undefined : settings;
}

/** What commands with `--on-publish-url` and `--hook-` options want; undefined where none is given. */
export function hookOf(url: string | undefined, options: PrefixedHookOptions): HookInput | undefined {
  const own = Object.entries(options).flatMap(([name, value]) => {
    const [, first, rest] = /^hook(.)(.*)$/.exec(name) ?? [];
    return first === undefined ? [] : [[first.toLowerCase() + rest!, value]];
  });
  const settings = hookSettingsOf(Object.fromEntries(own) as HookSettingOptions);
  return url === undefined ? settings : { url: checkHookUrl(url), ...settings };
}

/** Every setting with its default, for people. */
export function describeHook(hook: Hook): [name: string, value: string][] {
  const { topics, timeout_ms: timeoutMs = 10_000, on_failure: onFailure = "drop", dead_letter_topic: letters } = hook;
  const { reject_reason_code: code = 0x83, retry = {}, circuit_breaker: breaker } = hook;
  const { initial_delay_ms: first = 200, max_delay_ms: most = 10_000, total_ms: total = 60_000 } = retry;
  const { fallback = "drop" } = retry;
  const rejects = onFailure === "reject" || (onFailure === "retry" && fallback === "reject");
  const retries = `for ${formatMilliseconds(total)}, every ${formatMilliseconds(first)} to ${formatMilliseconds(most)}, then ${fallback}`;
  return [
    ["topics", topics?.map((topic) => printable(topic)).join(", ") ?? "all"],
    ["timeout", formatMilliseconds(timeoutMs)],
    ["on failure", onFailure === "retry" ? `retry ${retries}` : onFailure],
    ...(rejects ? [["reject code", reasonText(code)] satisfies [string, string]] : []),
    [
      "circuit breaker",
      breaker === undefined
        ? "off"
        : `after ${breaker.failures ?? 5} failures, for ${formatMilliseconds(breaker.open_ms ?? 10_000)}`,
    ],
    ["dead letters", letters === undefined ? "nowhere" : printable(letters)],
  ];
}

function rejectCode(option: string) {
  return (text: string): RejectReasonCode => {
    const code = rejectReasonCodes.find((each) => each === Number(text));
    if (code !== undefined) return code;
    const codes = rejectReasonCodes.map((each) => `0x${each.toString(16)}`);
    throw usageError(`${option} takes ${codes.join(", ")}, not "${text}"`, "pubsub explain CODE says what they mean");
  };
}

function circuitBreaker(option: string) {
  return (text: string): Breaker | "off" => {
    if (text === "off") return text;
    const [, count = "", duration] = /^(\d+)(?:\/(.+))?$/.exec(text) ?? [];
    const failures = Number(count);
    const { minimum, maximum } = hookRanges.failures;
    if (count === "" || failures < minimum || failures > maximum) {
      throw usageError(`${option} takes a number of failures and a duration, not "${text}"`, "such as 5/10s, or off");
    }
    return { failures, ...(duration !== undefined && { open_ms: milliseconds(option, hookRanges.openMs)(duration) }) };
  };
}
