import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { compileFormat } from "../message-format.ts";
import { type TargetOptions, addTargetOptions } from "../mqtt-target.ts";
import { collect, qualityOfService, seconds, wholeNumber } from "../option-parsers.ts";
import type { Output } from "../output.ts";
import { type ReceivedMessage, messageToJson, payloadForTerminal } from "../received-message.ts";
import { Subscriber } from "../subscriber.ts";
import { checkTopicFilter } from "../topic.ts";

interface Options extends TargetOptions {
  topic?: string[];
  qos: 0 | 1 | 2;
  verbose?: boolean;
  count?: number;
  wait?: number;
  exitAfterSuback?: boolean;
  skipRetained?: boolean;
  retainedOnly?: boolean;
  filterOut?: string[];
  format?: string;
  raw?: boolean;
  timeout: number;
  json?: boolean;
}

const FORMAT_HELP = `
Letters of --format, as in mosquitto_sub; %10t pads, %-10t to the left, %010l with zeros, %.5t cuts:
  %t topic   %p payload   %x %X payload in hexadecimal   %l its length   %q QoS   %r retained   %m packet id
  %j JSON with the payload as text   %J with the payload as JSON   %I time, ISO 8601   %U UNIX time   @X strftime's %X
  %C content type   %R response topic   %D correlation data   %E expiry interval   %F payload format
  %P user properties   %S subscription identifiers   %A topic alias   %% @@ \\\\ \\n \\t \\0 \\e
`;

export default defineCommand<Options>({
  examples: [
    "sub '#'                        every message's payload, a line each",
    "sub -v 'lamps/+' 'doors/#'     topic and payload",
    "sub 'lamps/#' -C 1 -W 5        wait 5 s for one message; exit code 27 if none comes",
    "sub '#' --json                 an object per line",
    "sub '#' -F '@H:@M:@S %t %p'    like mosquitto_sub",
  ],

  configure(command) {
    command
      .description("Subscribe and print messages until Ctrl-C. Connects again if the connection is lost, and says so.")
      .argument("[filter...]", "topic filters: + stands for one level, # for all the rest")
      .option("-t, --topic <filter>", "a filter as an option; may be repeated", collect)
      .option("-q, --qos <level>", "quality of service at most: 0, 1 or 2", qualityOfService, 0 as const)
      .option("-v, --verbose", "the topic before the payload (so it is with several filters)")
      .option("-F, --format <format>", "how to print a message, see below")
      .option("--raw", "payloads as they are, with nothing between them")
      .option("-C, --count <count>", "end after so many messages", wholeNumber("--count", 1))
      .option("-W, --wait <seconds>", "end after this time, with exit code 27", seconds("--wait"))
      .option("-E, --exit-after-suback", "end when the broker has accepted the subscriptions")
      .option("-R, --skip-retained", "no retained messages")
      .option("--retained-only", "only retained messages; ends with the first other one")
      .option("-T, --filter-out <filter>", "do not print messages on these topics; may be repeated", collect)
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
    command.addHelpText("after", FORMAT_HELP);
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
      print: createPrinter(context.output, options, filters.length > 1),
      count: options.count,
      waitMs: options.wait === undefined ? undefined : options.wait * 1000,
      timeoutMs: options.timeout * 1000,
      exitAfterSuback: options.exitAfterSuback === true,
      retained: options.skipRetained ? "none" : options.retainedOnly ? "only" : "all",
      filterOut: options.filterOut ?? [],
    });
    await subscriber.run();
  },
});

/** How a message is written; exactly one way can be chosen. */
function createPrinter(
  output: Output,
  options: Options,
  severalFilters: boolean,
): (message: ReceivedMessage) => Promise<void> | undefined {
  const { format, raw, json, verbose } = options;
  if ([format, raw, json].filter(Boolean).length > 1) throw usageError("--format, --raw and --json exclude each other");
  if (verbose && (format ?? raw ?? json)) throw usageError("-v goes with none of --format, --raw and --json");
  if (json) return (message) => output.line(messageToJson(message));
  if (raw) return ({ payload }) => output.write(payload);
  if (format !== undefined) {
    const print = compileFormat(format);
    return (message) => output.write(Buffer.concat([print(message), NEWLINE]));
  }
  const withTopic = verbose === true || severalFilters;
  return ({ topic, payload }) => {
    const prefix = withTopic ? `${output.out.cyan(topic)} ` : "";
    if (output.isTerminal) return output.write(`${prefix}${payloadForTerminal(payload)}\n`);
    return output.write(Buffer.concat([Buffer.from(prefix), payload, NEWLINE]));
  };
}

const NEWLINE = Buffer.from("\n");
