import { defineCommand } from "../../command.ts";
import { type RevocationOptions, configureRevocation, requireJtis } from "../../settings/revocation.ts";
import { resolveBroker } from "../../settings/names.ts";

export default defineCommand<RevocationOptions>({
  examples: ["token unrevoke dev --jti 01JD…"],

  configure(command) {
    command.description("Accept tokens again that were revoked.");
    configureRevocation(command);
  },

  async run(context, [name], options) {
    const jtis = requireJtis(options);
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    await client.unrevoke({ ...target, jtis });
    if (context.output.json) context.output.document({ unrevoked: jtis }, "");
    else
      context.output.info(`Unrevoked ${jtis.length === 1 ? "1 token" : `${jtis.length} tokens`} of ${target.broker}.`);
  },
});
