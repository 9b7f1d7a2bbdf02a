import { defineCommand } from "../../command.ts";
import { addNamespaceOption, checkName, resolveNamespace } from "../../settings/names.ts";
import { confirm } from "../../output/prompt.ts";

interface Options {
  namespace?: string;
  yes?: boolean;
}

export default defineCommand<Options>({
  examples: ["broker delete orders --namespace shop", "broker delete orders --yes      without a question"],

  configure(command) {
    command
      .description("Delete a broker with its sessions, retained messages and keys, and disconnect its clients.")
      .argument("<name>", "the broker");
    addNamespaceOption(command);
    command.option("-y, --yes", "do not ask");
  },

  async run(context, [name], options) {
    const broker = checkName(name as string, "broker");
    const client = await context.client();
    const namespace = await resolveNamespace(context, client, options.namespace);
    await confirm(context, `Delete the broker ${broker} of the namespace ${namespace} for good?`, options.yes);
    await client.deleteBroker({ namespace, broker });
    if (context.output.json) context.output.document({ deleted: broker, namespace }, "");
    else context.output.info(`Deleted the broker ${broker}.`);
  },
});
