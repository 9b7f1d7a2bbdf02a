import { defineCommand } from "../../command.ts";
import { formatTable } from "../../output/table.ts";
import { formatLocalTime } from "../../output/time-format.ts";

export default defineCommand({
  examples: ["namespace list", "namespace list --json"],

  configure() {},

  async run(context) {
    const client = await context.client();
    const namespaces = await client.listNamespaces();
    const rows = namespaces.map(({ name, description, created_on }) => [
      name,
      formatLocalTime(created_on),
      description ?? "",
    ]);
    context.output.document(namespaces, rows.length > 0 ? formatTable(["NAME", "CREATED", "DESCRIPTION"], rows) : "");
    if (rows.length === 0)
      context.output.info("There is no namespace yet. Create one with `pubsub namespace create NAME`.");
  },
});
