import { defineCommand } from "../../command.ts";
import { usageError } from "../../errors.ts";
import { checkHookUrl } from "../../settings/hook-url.ts";
import { type HookSettingOptions, addHookOptions, hookSettingsOf } from "../../server/hook-options.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../../settings/names.ts";
import { hookFields } from "./show.ts";

interface Options extends BrokerOptions, HookSettingOptions {}

export default defineCommand<Options>({
  examples: [
    "hook set http://127.0.0.1:8787/",
    "hook set --topic 'sensors/#' --topic 'doors/+/state'     others go past it",
    "hook set --on-failure pass                               deliver unchanged while it is down",
    "hook set --on-failure retry --retry-for 5m --fallback reject",
    "hook set --circuit-breaker 5/10s --dead-letter-topic lost",
  ],

  configure(command) {
    command
      .description("Give a broker its on-publish hook, or change it. What is not named stays as it is.")
      .argument("[url]", "HTTP endpoint that sees every message before subscribers do");
    addBrokerOptions(command);
    addHookOptions(command);
  },

  async run(context, [url], options) {
    const settings = hookSettingsOf(options);
    if (url === undefined && settings === undefined) {
      throw usageError("nothing to set was named", "name a URL, or an option such as --on-failure pass");
    }
    const hook = { ...(url !== undefined && { url: checkHookUrl(url as string) }), ...settings };
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    const broker = await client.updateBroker({ ...target, on_publish: hook });
    context.output.document(broker.on_publish ?? {}, hookFields(broker, target.namespace));
  },
});
