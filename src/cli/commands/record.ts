import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { CONDITION_HELP, parseCondition } from "../messages/condition.ts";
import { HookRecorder } from "../messages/hook-recorder.ts";
import { messageToJson } from "../messages/received-message.ts";
import { Subscriber } from "../messages/subscriber.ts";
import { checkTopicFilter } from "../messages/topic.ts";
import { type TargetOptions, addTargetOptions } from "../mqtt/target.ts";
import { collect, qualityOfService, seconds, wholeNumber } from "../option-parsers.ts";
import { LineFile } from "../output/line-file.ts";

interface Options extends TargetOptions {
  output?: string;
  qos: 0 | 1 | 2;
  count?: number;
  for?: number;
  until?: string;
  skipRetained?: boolean;
  filterOut?: string[];
  timeout: number;
  hook?: boolean;
}

export default defineCommand<Options>({
  examples: [
    "record -o traffic.ndjson                       everything, until Ctrl-C",
    "record 'lamps/#' 'doors/#' -o house.ndjson -C 100",
    "record --for 60 -R -o minute.ndjson            a minute, without what was retained before",
    "record --hook -o hook.ndjson                   with batches and verdicts, for `pubsub hook replay`",
    "record | jq -r .topic                          without -o it goes to standard output",
  ],

  configure(command) {
    command
      .description(
        "Write messages to a file, a line of JSON each, with topic, payload, properties and time, for `pubsub replay` and " +
          "`pubsub hook test`. Quality of service and retain flag are those of the publisher.",
      )
      .argument("[filter...]", "topic filters (default: #)")
      .option("-o, --output <file>", "file to write, anew (default: standard output)")
      .option("-q, --qos <level>", "quality of service at most: 0, 1 or 2", qualityOfService, 2 as const)
      .option("-C, --count <count>", "end after so many messages", wholeNumber("--count", 1))
      .option("--for <seconds>", "end after this time", seconds("--for"))
      .option("--until <condition>", "end with the message that fulfils it, such as 'payload.celsius > 30'")
      .option("-R, --skip-retained", "not what was retained before")
      .option("-T, --filter-out <filter>", "not the messages on these topics; may be repeated", collect)
      .option("--hook", "what goes to the broker's hook, in which batches, and what comes of it; from the event stream")
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
    command.addHelpText("after", CONDITION_HELP);
  },

  async run(context, [filterArguments], options) {
    const { output } = context;
    const named = [...new Set(filterArguments as string[])];
    const filters = named.length === 0 ? ["#"] : named;
    for (const filter of [...filters, ...(options.filterOut ?? [])]) checkTopicFilter(filter);
    if (options.hook && (options.until ?? options.filterOut) !== undefined) {
      throw usageError("--hook goes with neither --until nor --filter-out");
    }
    const until = options.until === undefined ? undefined : parseCondition(options.until);
    const name = options.output ?? "-";
    const file = name === "-" ? undefined : await LineFile.create(name);
    let recorded = 0;
    const write = (line: object): Promise<void> | undefined => {
      recorded++;
      return file === undefined ? output.line(line) : file.write(line);
    };
    const waitMs = options.for === undefined ? undefined : options.for * 1000;
    const { count, filterOut = [] } = options;
    const recorder = options.hook
      ? new HookRecorder(context, { ...options, filters, count, waitMs, write })
      : new Subscriber(context, {
          ...{ target: options, filters, until, count, waitMs, filterOut },
          ...{ qos: options.qos, timeoutMs: options.timeout * 1000 },
          print: (message) => write(messageToJson(message)),
          ...{ exitAfterSuback: false, waitSuffices: true },
          retained: options.skipRetained ? "none" : "all",
          retainAsPublished: true,
        });
    try {
      await recorder.run();
    } finally {
      await file?.close();
      const where = file === undefined ? "" : ` to ${name}`;
      output.info(`recorded ${recorded} message${recorded === 1 ? "" : "s"}${where}`);
    }
  },
});
