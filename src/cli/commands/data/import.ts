import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { UserError } from "../../../errors.ts";
import { importData } from "../../../store/data/index.ts";
import { defineCommand } from "../../command.ts";
import { type DataCommandOptions, addDataOptions, dataFolderOf } from "../../server/data-command.ts";
import { unreadable } from "../../settings/secrets.ts";
import { splitLines } from "../../messages/lines.ts";

/** A message of 256 MiB in base64, and what stands beside it. */
const LINE_BYTES_MAX = 400 * 1024 * 1024;

export default defineCommand<DataCommandOptions>({
  examples: [
    "data import backup.ndjson --persist-to /var/lib/pubsub",
    "$ gunzip < backup.ndjson.gz | pubsub data import - --persist-to /var/lib/pubsub",
  ],

  configure(command) {
    command
      .description("Make a data folder of what `pubsub data export` wrote. The folder must not have data yet.")
      .argument("<file>", "the export, or - to read it from standard input");
    addDataOptions(command);
  },

  async run(context, [file], options) {
    const folder = dataFolderOf(options);
    const { output, stdin, signal } = context;
    // Opened when it is read: before that, nobody would hear that it cannot be.
    const open = (): Readable => (file === "-" ? stdin : createReadStream(file as string));
    const lines = await output.spin("importing", importData(folder, linesOf(file as string, open, signal)));
    if (output.json) output.document({ folder, lines }, "");
    else output.info(`Imported ${lines} lines into ${folder}.`);
  },
});

async function* linesOf(file: string, open: () => Readable, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for await (const lines of splitLines(open() as AsyncIterable<Buffer>, LINE_BYTES_MAX)) {
      signal.throwIfAborted();
      for (const line of lines) yield line.toString("utf8");
    }
  } catch (error) {
    if (error instanceof RangeError) throw new UserError("cannot-read", `this is no export: ${error.message}`);
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : unreadable(file, error);
  }
}
