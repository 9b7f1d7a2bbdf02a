import { defineCommand } from "../../command.ts";
import { checkName } from "../../settings/names.ts";
import { confirm } from "../../output/prompt.ts";

interface Options {
  yes?: boolean;
}

export default defineCommand<Options>({
  examples: ["namespace delete shop", "namespace delete shop --yes      without a question"],

  configure(command) {
    command
      .description("Delete a namespace. Its brokers have to be deleted before.")
      .argument("<name>", "the namespace")
      .option("-y, --yes", "do not ask");
  },

  async run(context, [name], { yes }) {
    const namespace = checkName(name as string, "namespace");
    await confirm(context, `Delete the namespace ${namespace} for good?`, yes);
    const client = await context.client();
    await client.deleteNamespace({ namespace });
    if (context.output.json) context.output.document({ deleted: namespace }, "");
    else context.output.info(`Deleted the namespace ${namespace}.`);
  },
});
