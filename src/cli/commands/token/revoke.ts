import { defineCommand } from "../../command.ts";
import { type RevocationOptions, configureRevocation, requireJtis } from "../../settings/revocation.ts";
import { resolveBroker } from "../../settings/names.ts";

export default defineCommand<RevocationOptions>({
  examples: ["token revoke dev --jti 01JD…", "token revoke dev --jti 01JD… --jti 01JE…"],

  configure(command) {
    command.description("Revoke tokens: nobody gets in with them any more, and who is in is disconnected at once.");
    configureRevocation(command);
  },

  async run(context, [name], options) {
    const jtis = requireJtis(options);
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    await client.revoke({ ...target, jtis });
    if (context.output.json) context.output.document({ revoked: jtis }, "");
    else context.output.info(`Revoked ${jtis.length === 1 ? "1 token" : `${jtis.length} tokens`} of ${target.broker}.`);
  },
});
