import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../../settings/names.ts";
import { confirm } from "../../output/prompt.ts";
import { checkTopicFilter } from "../../messages/topic.ts";

interface Options extends BrokerOptions {
  yes?: boolean;
}

export default defineCommand<Options>({
  examples: ["retained delete lamps/kitchen", "retained delete 'lamps/#' --yes      of all topics that match"],

  configure(command) {
    command
      .description("Delete retained messages. Asks where the filter has wildcards.")
      .argument("<filter>", "topic or topic filter");
    addBrokerOptions(command);
    command.option("-y, --yes", "do not ask");
  },

  async run(context, [filter], options) {
    const topic = filter as string;
    checkTopicFilter(topic);
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    if (/[+#]/.test(topic)) {
      await confirm(context, `Delete all retained messages of ${target.broker} on ${topic}?`, options.yes);
    }
    let deleted = 0;
    for (let more = true; more;) {
      const result = await client.deleteRetained({ ...target, topic });
      deleted += result.deleted;
      more = result.more && result.deleted > 0;
    }
    if (context.output.json) context.output.document({ deleted }, "");
    else context.output.info(`Deleted ${deleted === 1 ? "1 retained message" : `${deleted} retained messages`}.`);
  },
});
