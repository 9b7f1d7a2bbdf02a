import { defineCommand } from "../../command.ts";
import { hookOf, recordedBatches } from "../../hook/batches.ts";
import { type HookOptions, addHookOptions, hookLocation } from "../../hook/hook-options.ts";
import { runHook } from "../../hook/hook-run.ts";
import { type KeptOutcome, compareOutcomes, isOutcome } from "../../hook/snapshot.ts";
import { usageError } from "../../errors.ts";
import { type RecordedMessage, readRecording } from "../../messages/recording.ts";
import { version } from "../../version.ts";
import { UserError } from "../../../errors.ts";

interface Options extends HookOptions {
  against?: string;
  diff?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "record --hook -o hook.ndjson                               on the broker: messages, batches, verdicts",
    "hook replay hook.ndjson --against src/worker.ts            the same batches; exit code 7 on other verdicts",
    "hook replay hook.ndjson --against https://hook.example.com --key hook-key.json --diff",
  ],

  configure(command) {
    command
      .description(
        "Ask a hook about the messages of a recording, in the batches in which a hook was asked then, and say which ones come out " +
          "differently. Of a recording without verdicts it says what comes out.",
      )
      .argument("<recording>", "what `pubsub record --hook` wrote; - reads standard input")
      .option("--against <hook>", "the URL of a hook, or the path of a Worker")
      .option("--diff", "show what the hook changes in each message");
    addHookOptions(command);
  },

  async run(context, [recording], options) {
    const { against, diff = false } = options;
    if (against !== undefined && (options.url ?? options.worker) !== undefined) {
      throw usageError("--against says the same as --url and --worker", "name one hook");
    }
    const named = against === undefined ? {} : /^https?:/i.test(against) ? { url: against } : { worker: against };
    const file = recording as string;
    const seen = { withVerdict: 0 };
    const run = await runHook(context, {
      ...options,
      location: hookLocation(context, { ...options, ...named }),
      ...{ file, userAgent: `pubsub-cli/${version}` },
      batches: recordedBatches(readRecording(context, file), options.batchSize),
      compare: (kept, message) => {
        const before = recordedOutcome(message);
        if (before === undefined) return undefined;
        seen.withVerdict++;
        return compareOutcomes(before, kept) ?? "same";
      },
      expectedBeyond: () => [],
      showChanges: diff,
    });
    if (seen.withVerdict === 0) {
      run.failIfBroken();
      context.output.info("the recording has no verdicts to compare with; `pubsub record --hook` notes them");
    }
    if (run.differences === 0) return;
    const many = `${run.differences} of ${run.count} messages come`;
    throw new UserError("assertion-failed", `${many} out differently than in ${file}`);
  },
});

function recordedOutcome(message: RecordedMessage): KeptOutcome | undefined {
  const outcome = { topic: message.topic, ...hookOf(message) };
  return isOutcome(outcome) ? outcome : undefined;
}
