import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";
import { formatTable } from "../../output/table.ts";

export default defineCommand<BrokerOptions>({
  examples: ["broker public-keys dev", "broker public-keys dev --json      as a JSON Web Key Set"],

  configure(command) {
    command.description("Show the public keys that the broker's tokens and its requests to the hook are signed with.");
    addBrokerArgument(command);
  },

  async run(context, [name], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const keySet = await client.listPublicKeys(target);
    const rows = keySet.keys.map(({ kid, alg, crv, x }) => [kid, alg, crv, x]);
    context.output.document(keySet, formatTable(["KEY ID", "ALGORITHM", "CURVE", "X"], rows));
  },
});
