/** Settings of a hook that do not come in a request: the same checks, and an error for the user. */
import { onPublishInputSchema } from "../contract/hooks.ts";
import { UserError } from "../errors.ts";
import type { HookSettings } from "../hooks/index.ts";
import { ApiFailure } from "./failure.ts";
import { changedHook } from "./hook-settings.ts";
import { check } from "./input.ts";

/**
 * @param given as `on_publish` of the API
 * @returns the settings after that change
 * @throws {UserError} `invalid-request`
 */
export function changedByGivenHook(given: unknown, before: HookSettings | null): HookSettings | null {
  try {
    return changedHook(check(onPublishInputSchema, given), before);
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    throw new UserError("invalid-request", `the hook: ${error.messages.join("; ")}`, "pubsub hook set --help");
  }
}
