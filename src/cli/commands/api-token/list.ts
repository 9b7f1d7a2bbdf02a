import { defineCommand } from "../../command.ts";
import { formatTable } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";

export default defineCommand<MomentOptions>({
  examples: ["api-token list", "api-token list --json"],

  configure(command) {
    command.description("List the tokens for the management API, without the one that the server was started with.");
    addMomentOption(command);
  },

  async run(context, _args, { time }) {
    const formatTime = createMomentFormat(context, time);
    const client = await context.client();
    const tokens = await client.listApiTokens();
    const rows = tokens.map(({ id, name, scope, namespace, created_on }) => [
      id,
      name,
      scope,
      namespace ?? "all",
      formatTime(created_on),
    ]);
    const header = ["ID", "NAME", "SCOPE", "NAMESPACE", "CREATED"];
    context.output.document(tokens, rows.length > 0 ? formatTable(header, rows) : "");
    if (rows.length === 0) {
      context.output.info(
        "There is no API token but the server's own. Create one with `pubsub api-token create NAME`.",
      );
    }
  },
});
