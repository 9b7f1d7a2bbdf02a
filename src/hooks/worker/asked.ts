/** How a Worker is asked about messages: by its handler `pubsub`, or as a webhook like any other, or not at all. */
import { ACCEPT } from "../answer.ts";
import type { Hook } from "../hook.ts";
import { Webhook, type WebhookOptions } from "../webhook.ts";
import type { HandlerName, WorkerCalls } from "./calls.ts";
import type { WorkerProject } from "./configuration.ts";

export type Asked = Pick<Hook, "onPublish" | "close">;

/** For a Worker that is no hook: what came before that was known passes. */
export const NO_HOOK: Asked = {
  onPublish: async (batch) => ({ verdicts: batch.map(() => ACCEPT) }),
  close: async () => {},
};

/** @param handlers that the Worker has */
export function howToAsk(
  { configuration }: WorkerProject,
  handlers: readonly HandlerName[],
  calls: WorkerCalls,
  webhook: WebhookOptions,
): Asked {
  const { hook: isWanted, consumers } = configuration.pubsub;
  if (isWanted === false) return NO_HOOK;
  if (handlers.includes("pubsub")) {
    return { onPublish: (batch, signal) => calls.decide(batch, signal), close: async () => {} };
  }
  // One that consumes messages may have fetch for other purposes.
  if (!handlers.includes("fetch") || (consumers.length > 0 && !isWanted)) return NO_HOOK;
  return new Webhook(webhook);
}
