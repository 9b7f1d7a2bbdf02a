import { defineCommand } from "../../command.ts";
import { confirm } from "../../output/prompt.ts";

interface Options {
  yes?: boolean;
}

export default defineCommand<Options>({
  examples: ["api-token delete 9f2c…      an id of `pubsub api-token list`"],

  configure(command) {
    command
      .description("Delete a token for the management API. Streams that were opened with it end.")
      .argument("<id>", "id of the token")
      .option("-y, --yes", "do not ask");
  },

  async run(context, [argument], { yes }) {
    const id = argument as string;
    await confirm(context, `Delete the API token ${id} for good?`, yes);
    const client = await context.client();
    await client.deleteApiToken({ apiToken: id });
    if (context.output.json) context.output.document({ deleted: id }, "");
    else context.output.info(`Deleted the API token ${id}.`);
  },
});
