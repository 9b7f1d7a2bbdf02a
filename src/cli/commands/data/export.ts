import { open, rm } from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../../errors.ts";
import { exportData } from "../../../store/data/index.ts";
import { defineCommand } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { type DataCommandOptions, addDataOptions, dataFolderOf } from "../../server/data-command.ts";

interface Options extends DataCommandOptions {
  output?: string;
}

/** Characters that are written to the file at once. */
const PIECE_LENGTH = 64 * 1024;

export default defineCommand<Options>({
  examples: [
    "data export --output backup.ndjson",
    "data export --persist-to /var/lib/pubsub | gzip > backup.ndjson.gz      private keys are in it: take care of it",
  ],

  configure(command) {
    command
      .description(
        "Write all data of a folder as lines of JSON: namespaces, brokers with their private keys, revocations, sessions, " +
          "subscriptions, messages with their payloads in base64, and who they wait for. Certificates (the folder ca) are not in it. " +
          "The server must not run.",
      )
      .option("-o, --output <file>", "write to a new file that only you may read (default: standard output)");
    addDataOptions(command);
  },

  async run(context, _args, options) {
    const folder = dataFolderOf(options);
    const { output } = context;
    const lines =
      options.output === undefined
        ? await exportData(folder, (line) => output.line(line))
        : await output.spin("exporting", exportToFile(context, folder, path.resolve(options.output)));
    output.info(`Exported ${lines} lines of ${folder}.`);
  },
});

async function exportToFile({ signal }: CommandContext, folder: string, file: string): Promise<number> {
  const handle = await open(file, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "EEXIST" ? "it is there already" : error.message;
    throw new UserError("cannot-write", `cannot write ${file}: ${why}`, "name another file");
  });
  let text = "";
  const flush = async (): Promise<void> => {
    signal.throwIfAborted();
    await handle.appendFile(text);
    text = "";
  };
  try {
    const lines = await exportData(folder, (line) => {
      text += `${JSON.stringify(line)}\n`;
      return text.length < PIECE_LENGTH ? undefined : flush();
    });
    await flush();
    await handle.sync();
    return lines;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}
