import { defineCommand } from "../../command.ts";
import { checkName } from "../../settings/names.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";
import { namespaceFields } from "./describe.ts";

interface Options extends MomentOptions {
  description?: string;
}

export default defineCommand<Options>({
  examples: ["namespace create shop", 'namespace create shop --description "Payment terminals"'],

  configure(command) {
    command
      .argument("<name>", "letters, digits and hyphens; upper and lower case are the same")
      .option("--description <text>", "what it is for");
    addMomentOption(command);
  },

  async run(context, [name], { description, time }) {
    const client = await context.client();
    const namespace = await client.createNamespace({
      name: checkName(name as string, "namespace"),
      ...(description !== undefined && { description }),
    });
    context.output.document(namespace, namespaceFields(namespace, createMomentFormat(context, time)));
  },
});
