/** A hook that rules stand for: the first one that matches a message decides; what none matches passes. */
import type { HookFunction, HookMessage, HookResult } from "pubsub-cli/testing";
import { parseCondition } from "../../cli/messages/condition.ts";
import { topicMatches } from "../../cli/messages/topic.ts";
import { HookFailure } from "../function-hook.ts";
import { payloadBytes } from "../message.ts";
import type { Rule } from "./schema.ts";

export function hookOfRules(rules: readonly Rule[]): HookFunction {
  const compiled = rules.map(compile);
  return (messages) =>
    messages.flatMap((message) => compiled.find(({ matches }) => matches(message))?.decide(message) ?? [message]);
}

interface CompiledRule {
  matches(message: HookMessage): boolean;
  decide(message: HookMessage): HookResult[];
}

function compile({ topic, where, drop, payload, status }: Rule): CompiledRule {
  const condition = where === undefined ? undefined : parseCondition(where);
  return {
    matches: (message) => {
      if (topic !== undefined && !topicMatches(topic, message.topic)) return false;
      return condition === undefined || condition(subjectOf(message));
    },
    decide: (message) => {
      if (status !== undefined) throw new HookFailure(status, "as the rules of the test say");
      if (drop) return [];
      return [payload === undefined ? message : { ...message, payload: payloadBytes(payload) }];
    },
  };
}

function subjectOf({ topic, payload, contentType }: HookMessage) {
  const text = Buffer.from(payload).toString("utf8");
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // Then it is text.
  }
  const properties = contentType === null ? undefined : { contentType };
  return { topic, payload: value, text, qos: 0, retain: false, properties };
}
