export type { Hook } from "./hook.ts";
export { HookPipeline } from "./pipeline.ts";
export { parseHookUrl } from "./url.ts";
export { Webhook, type WebhookOptions } from "./webhook.ts";
