import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";

export default defineCommand<BrokerOptions>({
  examples: ["token revocations dev", "token revocations dev --json"],

  configure(command) {
    command.description("List the ids (jti) of revoked tokens, one per line.");
    addBrokerArgument(command);
  },

  async run(context, [name], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const jtis = await client.listRevocations(target);
    context.output.document(jtis, jtis.map((jti) => `${jti}\n`).join(""));
    if (jtis.length === 0) context.output.info(`No token of ${target.broker} is revoked.`);
  },
});
