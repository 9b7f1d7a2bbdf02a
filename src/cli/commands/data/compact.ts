import { compactData } from "../../../store/data/index.ts";
import { defineCommand } from "../../command.ts";
import { type DataCommandOptions, addDataOptions, dataFolderOf, formatBytes } from "../../server/data-command.ts";

export default defineCommand<DataCommandOptions>({
  examples: ["data compact", "data compact --persist-to /var/lib/pubsub"],

  configure(command) {
    command.description(
      "Take out of a data folder what is no longer needed. A running server does so by itself, a little at a time, and keeps some " +
        "reserve; this is for a folder that is to be archived or moved. The server must not run.",
    );
    addDataOptions(command);
  },

  async run({ output }, _args, options) {
    const folder = dataFolderOf(options);
    const report = await output.spin("compacting", compactData(folder));
    const { before, after } = report;
    output.document({ folder, ...report }, `${formatBytes(before)} before, ${formatBytes(after)} now\n`);
  },
});
