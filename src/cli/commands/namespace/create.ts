import { defineCommand } from "../../command.ts";
import { checkName } from "../../settings/names.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";
import { namespaceFields } from "./describe.ts";

interface Options extends MomentOptions {
  description?: string;
  ifNotExists?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "namespace create shop",
    'namespace create shop --description "Payment terminals"',
    "namespace create shop --if-not-exists      for scripts that run again",
  ],

  configure(command) {
    command
      .argument("<name>", "letters, digits and hyphens; upper and lower case are the same")
      .option("--description <text>", "what it is for")
      .option(
        "--if-not-exists",
        "be content with one of that name that is there; one with another description is an error",
      );
    addMomentOption(command);
  },

  async run(context, [name], { description, ifNotExists, time }) {
    const client = await context.client();
    const checked = checkName(name as string, "namespace");
    const settings = description === undefined ? {} : { description };
    const namespace = ifNotExists
      ? await client.ensureNamespace({ namespace: checked, ...settings })
      : await client.createNamespace({ name: checked, ...settings });
    context.output.document(namespace, namespaceFields(namespace, createMomentFormat(context, time)));
  },
});
