import { defineCommand } from "../../command.ts";
import { parseExpiration } from "../../duration.ts";
import { usageError } from "../../errors.ts";
import { type PrefixedHookOptions, addHookOptions, hookOf } from "../../server/hook-options.ts";
import { type LimitOptions, addLimitOptions, limitsOfOptions } from "../../server/limit-options.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";
import { brokerFields } from "./describe.ts";

interface Options extends BrokerOptions, LimitOptions, PrefixedHookOptions, MomentOptions {
  description?: string;
  expiration?: string;
  onPublishUrl?: string;
  /** False where `--no-on-publish` was given. */
  onPublish: boolean;
}

export default defineCommand<Options>({
  examples: [
    "broker update dev --on-publish-url http://127.0.0.1:8787/",
    "broker update dev --no-on-publish",
    "broker update dev --expiration 7d",
    "broker update dev --expiration none",
    "broker update dev --limits cloudflare-beta --limit packetsPerSecondMax=20",
  ],

  configure(command) {
    command.description("Change a broker. What is not named stays as it is; connected clients stay connected.");
    addBrokerArgument(command);
    command
      .option("--description <text>", "what it is for")
      .option("--exp, --expiration <duration>", 'how long new tokens are good for at most; "none" for no limit')
      .option("--on-publish-url <url>", "HTTP endpoint that sees every message before subscribers do")
      .option("--no-on-publish", "take the hook away");
    addHookOptions(command, "hook-");
    addLimitOptions(command);
    addMomentOption(command);
  },

  async run(context, [name], options) {
    const { description, expiration, onPublishUrl, onPublish } = options;
    const hook = hookOf(onPublishUrl, options);
    if (hook !== undefined && !onPublish) {
      throw usageError("--no-on-publish and the options that set the hook exclude each other");
    }
    const changes = {
      ...(description !== undefined && { description }),
      ...(expiration !== undefined && { expiration: parseExpiration(expiration) }),
      ...(hook !== undefined && { on_publish: hook }),
      ...(!onPublish && { on_publish: { url: null } }),
    };
    const wantsLimits = limitsOfOptions(options) !== undefined;
    if (Object.keys(changes).length === 0 && !wantsLimits) {
      throw usageError(
        "nothing to change was named",
        "name at least one of --on-publish-url, --no-on-publish, --hook-on-failure, --expiration, --description, --limits, --limit",
      );
    }
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    // Limits are replaced as a whole: what is set already is kept unless a profile is named.
    const before = wantsLimits ? (await client.describeBroker(target)).limits : undefined;
    const limits = limitsOfOptions(options, before);
    const broker = await client.updateBroker({ ...target, ...changes, ...(limits && { limits }) });
    context.output.document(broker, brokerFields(broker, target.namespace, createMomentFormat(context, options.time)));
  },
});
