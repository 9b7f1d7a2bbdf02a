import { readConfiguration, writeConfiguration } from "../../settings/configuration.ts";
import { defineCommand } from "../../command.ts";
import { UserError } from "../../../errors.ts";

export default defineCommand<object>({
  examples: ["context use dev"],

  configure(command) {
    command
      .description("Choose the server that commands work with where none is named.")
      .argument("<name>", "its name, as `pubsub context list` shows it");
  },

  async run({ env, output }, [argument]) {
    const name = argument as string;
    const configuration = readConfiguration(env);
    const names = Object.keys(configuration.contexts ?? {});
    if (!names.includes(name)) {
      const known = names.length === 0 ? "`pubsub dev` remembers one" : `there are ${names.join(", ")}`;
      throw new UserError("not-found", `there is no context "${name}"`, known);
    }
    await writeConfiguration(env, { ...configuration, current: name });
    if (output.json) output.document({ current: name }, "");
    else output.info(`Commands work with ${name} now.`);
  },
});
