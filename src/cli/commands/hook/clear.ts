import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";

export default defineCommand<BrokerOptions>({
  examples: ["hook clear", "hook clear orders --namespace shop"],

  configure(command) {
    command.description("Take the on-publish hook away, with all its settings.");
    addBrokerArgument(command);
  },

  async run(context, [name], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const { on_publish: hook = {} } = await client.updateBroker({ ...target, on_publish: { url: null } });
    if (context.output.json) context.output.document(hook, "");
    else context.output.info(`${target.namespace}/${target.broker} has no hook any more.`);
  },
});
