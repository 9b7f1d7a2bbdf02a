import { defineCommand } from "../../command.ts";
import { addNamespaceOption, resolveNamespace } from "../../settings/names.ts";
import { formatTable, printable } from "../../output/table.ts";
import { expirationText } from "./describe.ts";

interface Options {
  namespace?: string;
}

export default defineCommand<Options>({
  examples: ["broker list", "broker list --namespace shop --json"],

  configure: addNamespaceOption,

  async run(context, _args, options) {
    const client = await context.client();
    const namespace = await resolveNamespace(context, client, options.namespace);
    const brokers = await client.listBrokers({ namespace });
    const rows = brokers.map((broker) => [
      broker.name,
      broker.on_publish?.url ?? "–",
      expirationText(broker.expiration),
      printable(broker.description ?? ""),
    ]);
    const table = formatTable(["NAME", "ON PUBLISH", "TOKENS END AFTER", "DESCRIPTION"], rows);
    context.output.document(brokers, rows.length > 0 ? table : "");
    if (rows.length === 0) {
      context.output.info(
        `The namespace ${namespace} has no broker yet. Create one with \`pubsub broker create NAME\`.`,
      );
    }
  },
});
