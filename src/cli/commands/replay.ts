import { defineCommand } from "../command.ts";
import type { CommandContext } from "../context.ts";
import { InterruptedError, usageError } from "../errors.ts";
import { paced, type Pace } from "../messages/paced.ts";
import type { Messages } from "../messages/publish-source.ts";
import { publishTo } from "../messages/publisher.ts";
import { readRecording } from "../messages/recording.ts";
import { type TargetOptions, addTargetOptions, resolveTarget } from "../mqtt/target.ts";
import { seconds } from "../option-parsers.ts";
import { sleep } from "../sleep.ts";
import { UserError } from "../../errors.ts";

interface Options extends TargetOptions {
  speed: number;
  maxGap?: number;
  loop?: boolean;
  timeout: number;
}

export default defineCommand<Options>({
  examples: [
    "replay traffic.ndjson                  with the pauses that were between the messages",
    "replay traffic.ndjson --speed 10       ten times as fast; --speed max without pauses",
    "replay night.ndjson --max-gap 5        no pause longer than 5 s",
    "replay demo.ndjson --loop              again and again, until Ctrl-C",
    "replay - < traffic.ndjson",
    "replay theirs.ndjson                   what `mosquitto_sub -F %j` or `-F %J` printed",
  ],

  configure(command) {
    command
      .description(
        "Publish recorded messages: lines of JSON, as `pubsub record`, `pubsub sub --json` or `mosquitto_sub -F %j` write " +
          "them, with the quality of service, retain flag and properties that they have.",
      )
      .argument("<file>", "the recording; - reads standard input")
      .option("--speed <factor>", "how much faster: 2, 0.5, max", speed, 1)
      .option("--max-gap <seconds>", "longest pause of the recording that is kept", seconds("--max-gap"))
      .option("--loop", "begin again at the end, until Ctrl-C")
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
  },

  async run(context, [file], options) {
    const recording = file as string;
    const { speed: factor, maxGap, loop = false, timeout } = options;
    if (loop && recording === "-") throw usageError("--loop needs a file", "standard input comes once");
    const pace: Pace = { speed: factor, maxGapMs: maxGap === undefined ? Infinity : maxGap * 1000 };
    const progress = { published: 0 };
    const messages = loop ? repeated(context, recording, pace) : rounds(context, recording, pace);
    const target = await resolveTarget(context, options);
    const startedAt = performance.now();
    const { output } = context;
    try {
      await publishTo(context, target, counted(messages, progress), { timeoutMs: timeout * 1000, pauseMs: 0 });
    } catch (error) {
      // Nothing else ends a loop.
      if (!loop || !(context.signal.reason instanceof InterruptedError)) throw error;
    } finally {
      const elapsed = (performance.now() - startedAt) / 1000;
      const { published } = progress;
      if (published > 0) {
        output.info(`replayed ${published} message${published === 1 ? "" : "s"} in ${elapsed.toFixed(1)} s`);
      }
    }
    if (progress.published === 0 && !loop) output.info(`there is no message in ${recording}`);
    if (output.json) output.document({ file: recording, published: progress.published }, "");
  },
});

function speed(text: string): number {
  if (text === "max") return Infinity;
  const factor = /^\d+(\.\d+)?x?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (factor > 0) return factor;
  throw usageError(`--speed takes a number above 0, or max, not "${text}"`, "2 is twice as fast, 0.5 half as fast");
}

function rounds(context: CommandContext, file: string, pace: Pace): Messages {
  const { signal } = context;
  return paced(readRecording(context, file), pace, {
    now: () => performance.now(),
    sleep: async (ms) => await sleep(ms, signal),
  });
}

async function* repeated(context: CommandContext, file: string, pace: Pace): Messages {
  for (;;) {
    let isEmpty = true;
    for await (const group of rounds(context, file, pace)) {
      isEmpty &&= group.length === 0;
      yield group;
    }
    if (isEmpty) throw new UserError("nothing-to-replay", `there is no message in ${file}`, "record some first");
  }
}

async function* counted(messages: Messages, progress: { published: number }): Messages {
  for await (const group of messages) {
    yield group;
    progress.published += group.length;
  }
}
