import { Option } from "commander";
import { apiScopes } from "../../../contract/routes.ts";
import { defineCommand } from "../../command.ts";
import { checkName } from "../../settings/names.ts";

interface Options {
  scope: (typeof apiScopes)[number];
  namespace?: string;
}

export default defineCommand<Options>({
  examples: [
    "api-token create dashboard --scope read",
    "api-token create ci --scope write --namespace shop",
    "$ PUBSUB_API_TOKEN=$(pubsub api-token create ci --scope write) …      for other commands",
  ],

  configure(command) {
    command
      .description(
        "Create a token for the management API, and print it. It is shown this once: the server keeps a hash only.",
      )
      .argument("<name>", "what it is for")
      .addOption(
        new Option(
          "--scope <scope>",
          "read; write: everything in namespaces; admin: API tokens and the server's log, too",
        )
          .choices(apiScopes)
          .default("read"),
      )
      .option("--ns, --namespace <name>", "the only namespace that it is good for, and with which it ends");
  },

  async run(context, [name], { scope, namespace }) {
    const client = await context.client();
    const created = await client.createApiToken({
      name: name as string,
      scope,
      ...(namespace !== undefined && { namespace: checkName(namespace, "namespace") }),
    });
    context.output.document(created, `${created.token}\n`);
  },
});
