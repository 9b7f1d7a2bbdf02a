export type { Hook, HookAnswer } from "./hook.ts";
export { HookPipeline, type HookPipelineOptions } from "./pipeline.ts";
export { parseHookUrl } from "./url.ts";
export { Webhook, type WebhookOptions } from "./webhook.ts";
