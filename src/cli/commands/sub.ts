import type { CommandContext } from "../context.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { CONDITION_HELP, parseCondition } from "../messages/condition.ts";
import { type PrintOptions, addPrintOptions, createPrinter } from "../messages/message-printer.ts";
import { type TargetOptions, addTargetOptions } from "../mqtt/target.ts";
import { collect, qualityOfService, seconds, wholeNumber } from "../option-parsers.ts";
import { Subscriber } from "../messages/subscriber.ts";
import { type TimeStyle, addTimeOption, createTimeFormat } from "../output/time-style.ts";
import { checkTopicFilter } from "../messages/topic.ts";

interface Options extends TargetOptions, PrintOptions {
  time?: TimeStyle;
  topic?: string[];
  qos: 0 | 1 | 2;
  count?: number;
  wait?: number;
  exitAfterSuback?: boolean;
  skipRetained?: boolean;
  retainedOnly?: boolean;
  filterOut?: string[];
  until?: string;
  timeout: number;
}

type Printer = ReturnType<typeof createPrinter>;

export default defineCommand<Options>({
  examples: [
    "sub '#'                        every message's payload, a line each",
    "sub -v 'lamps/+' 'doors/#'     topic and payload",
    "sub 'lamps/#' -C 1 -W 5        wait 5 s for one message; exit code 27 if none comes",
    "sub roof --until 'payload.celsius > 30' -W 60",
    "sub '#' --json                 an object per line",
    "sub '#' -F '@H:@M:@S %t %p'    like mosquitto_sub",
  ],

  configure(command) {
    command
      .description("Subscribe and print messages until Ctrl-C. Connects again if the connection is lost, and says so.")
      .argument("[filter...]", "topic filters: + stands for one level, # for all the rest")
      .option("-t, --topic <filter>", "a filter as an option; may be repeated", collect)
      .option("-q, --qos <level>", "quality of service at most: 0, 1 or 2", qualityOfService, 0 as const)
      .option("-C, --count <count>", "end after so many messages", wholeNumber("--count", 1))
      .option("-W, --wait <seconds>", "end after this time, with exit code 27", seconds("--wait"))
      .option("--until <condition>", "end with the message that fulfils it, such as 'payload.celsius > 30'")
      .option("-E, --exit-after-suback", "end when the broker has accepted the subscriptions")
      .option("-R, --skip-retained", "no retained messages")
      .option("--retained-only", "only retained messages; ends with the first other one")
      .option("-T, --filter-out <filter>", "do not print messages on these topics; may be repeated", collect)
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
    command.addHelpText("after", CONDITION_HELP);
    addPrintOptions(command);
    addTimeOption(command);
  },

  async run(context, [filterArguments], options) {
    const filters = [...new Set([...(filterArguments as string[]), ...(options.topic ?? [])])];
    if (filters.length === 0) throw usageError("no topic filter is named", "such as `pubsub sub '#'`");
    for (const filter of [...filters, ...(options.filterOut ?? [])]) checkTopicFilter(filter);
    if (options.skipRetained && options.retainedOnly) throw usageError("-R and --retained-only exclude each other");

    const subscriber = new Subscriber(context, {
      target: options,
      filters,
      qos: options.qos,
      print: printerOf(context, options, filters.length > 1),
      count: options.count,
      until: options.until === undefined ? undefined : parseCondition(options.until),
      waitMs: options.wait === undefined ? undefined : options.wait * 1000,
      timeoutMs: options.timeout * 1000,
      exitAfterSuback: options.exitAfterSuback === true,
      retained: options.skipRetained ? "none" : options.retainedOnly ? "only" : "all",
      filterOut: options.filterOut ?? [],
    });
    await subscriber.run();
  },
});

/** With `--time`, each message begins with the time at which it came. */
function printerOf({ output }: CommandContext, options: Options, severalFilters: boolean): Printer {
  const print = createPrinter(output, options, severalFilters);
  if (options.time === undefined) return print;
  if (options.json || options.raw || options.format !== undefined) {
    throw usageError(
      "--time goes with none of --json, --raw and --format",
      "--json has the time, and -F has %I and @…",
    );
  }
  const formatTime = createTimeFormat(options.time);
  return (message) => {
    void output.write(`${output.out.dim(formatTime(message.time))} `);
    return print(message);
  };
}
