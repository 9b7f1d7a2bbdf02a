import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../../settings/names.ts";
import { payloadForTerminal } from "../../messages/received-message.ts";
import { checkTopicName } from "../../messages/topic.ts";

export default defineCommand<BrokerOptions>({
  examples: ["retained get lamps/kitchen", "retained get lamps/kitchen --json      with its properties and publisher"],

  configure(command) {
    command.description("Print the payload of a topic's retained message.").argument("<topic>", "the topic");
    addBrokerOptions(command);
  },

  async run(context, [name], options) {
    const topic = name as string;
    checkTopicName(topic);
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    const message = await client.getRetained({ ...target, topic });
    const { output } = context;
    if (output.json) {
      output.document(message, "");
      return;
    }
    const payload = Buffer.from(message.payload, message.payloadEncoding);
    void output.write(output.isTerminal ? `${payloadForTerminal(payload)}\n` : payload);
  },
});
