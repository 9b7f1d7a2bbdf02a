import { defineCommand } from "../../command.ts";
import { batchesOf } from "../../hook/batches.ts";
import { type HookOptions, addHookOptions, hookLocation } from "../../hook/hook-options.ts";
import { runHook } from "../../hook/hook-run.ts";
import { compareOutcomes, readSnapshot, writeSnapshot } from "../../hook/snapshot.ts";
import { usageError } from "../../errors.ts";
import { readRecording } from "../../messages/recording.ts";
import { version } from "../../version.ts";
import { UserError } from "../../../errors.ts";

interface Options extends HookOptions {
  messages?: string;
  snapshot?: string;
  update?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "hook test --worker src/worker.ts --messages messages.ndjson",
    "hook test --worker . --messages messages.ndjson --update     keep what it does",
    "hook test --worker . --messages messages.ndjson              from then on: exit code 7 if that changes",
    "hook test --url http://127.0.0.1:8787/ --key hook-key.json --messages messages.ndjson",
    "hook test --worker . --messages messages.ndjson --junit hook.xml --batch-size 1",
  ],

  configure(command) {
    command
      .description(
        "Ask a hook about messages, as a broker would, in signed batches, and print what becomes of each: passed, modified " +
          "(and what), or dropped and why. A Worker finds the key in BROKER_PUBLIC_KEYS; what a hook at a URL has to know is " +
          "printed. Exit code 7 if the hook fails, or does something else than the snapshot says.",
      )
      .option("--messages <file>", "lines of JSON, as `pubsub record` writes them; - reads standard input")
      .option("--snapshot <file>", "what the hook did before (default: beside the messages, MESSAGES.snapshot)")
      .option("--update", "write the snapshot anew");
    addHookOptions(command);
  },

  async run(context, _args, options) {
    const { messages: file, update = false, batchSize } = options;
    if (file === undefined) throw usageError("no messages are named", "such as --messages messages.ndjson");
    const location = hookLocation(context, options);
    const snapshotFile = options.snapshot ?? (file === "-" ? undefined : `${file}.snapshot`);
    if (update && snapshotFile === undefined) throw usageError("--update needs a file", "name one with --snapshot");
    const snapshot = update || snapshotFile === undefined ? undefined : await readSnapshot(snapshotFile);
    if (snapshot === undefined && !update && options.snapshot !== undefined) {
      throw new UserError("not-found", `there is no snapshot ${options.snapshot}`, "--update writes it");
    }
    const run = await runHook(context, {
      ...options,
      ...{ location, file, userAgent: `pubsub-cli/${version}` },
      batches: batchesOf(readRecording(context, file), batchSize),
      compare: (kept, _, index) => snapshot && (compareOutcomes(snapshot[index], kept) ?? "same"),
      expectedBeyond: (count) => snapshot?.slice(count) ?? [],
      showChanges: true,
    });
    if (update) {
      await writeSnapshot(snapshotFile!, run.outcomes);
      context.output.info(`written: ${snapshotFile}`);
      return;
    }
    if (snapshot === undefined) {
      run.failIfBroken();
      context.output.info("there is no snapshot to compare with; --update writes one");
      return;
    }
    if (run.differences === 0) return;
    const many = `${run.differences} message${run.differences === 1 ? " differs" : "s differ"}`;
    const hint = "if it should be so, --update writes it anew";
    throw new UserError("assertion-failed", `${many} from ${snapshotFile}`, hint);
  },
});
