import { defineCommand } from "../../command.ts";
import { formatTable } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";

export default defineCommand<MomentOptions>({
  examples: ["namespace list", "namespace list --json"],

  configure: addMomentOption,

  async run(context, _args, { time }) {
    const formatTime = createMomentFormat(context, time);
    const client = await context.client();
    const namespaces = await client.listNamespaces();
    const rows = namespaces.map(({ name, description, created_on }) => [
      name,
      formatTime(created_on),
      description ?? "",
    ]);
    context.output.document(namespaces, rows.length > 0 ? formatTable(["NAME", "CREATED", "DESCRIPTION"], rows) : "");
    if (rows.length === 0)
      context.output.info("There is no namespace yet. Create one with `pubsub namespace create NAME`.");
  },
});
