export type { Hook } from "./hook.ts";
export type { HookLoad } from "./on-publish.ts";
export { OnPublish } from "./on-publish.ts";
export { type HookPolicy, type HookSettings, policyOf } from "./settings.ts";
export { parseHookUrl } from "./url.ts";
export { Webhook, type WebhookOptions } from "./webhook.ts";
