import { beforeParsing, defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import type { PublishOptions } from "../mqtt/connection.ts";
import { joinPropertyArguments, parseProperties } from "../mqtt/properties.ts";
import { type TargetOptions, addTargetOptions, resolveTarget } from "../mqtt/target.ts";
import { collect, qualityOfService, seconds, wholeNumber } from "../option-parsers.ts";
import { type SourceOptions, checkSource, openSource } from "../messages/publish-source.ts";
import { PublishTrace } from "../messages/publish-trace.ts";
import { publishTo } from "../messages/publisher.ts";
import { checkTopicName } from "../messages/topic.ts";

interface Options extends TargetOptions, SourceOptions {
  topic?: string;
  message?: string;
  qos: 0 | 1 | 2;
  retain?: boolean;
  property?: string[];
  timeout: number;
  trace?: boolean;
}

const TEMPLATE_HELP = `
Templates in a topic and message that are named here, each time anew:
  {{count}}  1, 2, …          {{time}}          RFC 3339, UTC
  {{id}}     a ULID           {{random 1 100}}  a whole number from 1 to 100
`;

export default defineCommand<Options>({
  examples: [
    "pub hello world",
    "pub lamps/kitchen on --qos 1 --retain",
    "pub lamps/kitchen -n -r                     clears the retained message",
    "pub readings -f reading.json -D 'publish content-type application/json'",
    "pub log -l                                  a message per line of standard input",
    "pub meters/{{count}} '{{random 1 100}}' --repeat 10 --repeat-delay 0.5",
    "pub hello world --trace                     and what the hook did with it",
    "pub --ndjson < recorded.ndjson              what `sub --json` printed",
    "pub hello world --url mqtt://test.mosquitto.org",
  ],

  configure(command) {
    command
      .description(
        "Publish messages. Succeeds only if the broker took them: at QoS 1 and 2 it said so, at QoS 0 it answered a " +
          "ping that followed. Without a token it issues one to itself on the server of the configuration.",
      )
      .argument("[topic]", "topic to publish on")
      .argument("[message]", "the message; - reads it from standard input")
      .option("-t, --topic <topic>", "the topic as an option")
      .option("-m, --message <text>", "the message as an option")
      .option("-f, --file <file>", "the content of a file as the message")
      .option("-s, --stdin-file", "all of standard input as one message")
      .option("-l, --stdin-line", "a message per line of standard input")
      .option(
        "--ndjson",
        "an object per line of standard input: topic, payload, payloadEncoding, qos, retain, properties",
      )
      .option("-n, --null-message", "an empty message")
      .option("-q, --qos <level>", "quality of service: 0, 1 or 2", qualityOfService, 0 as const)
      .option("-r, --retain", "keep it for those who subscribe later")
      .option("-D, --property <definition>", 'MQTT 5 property, such as "publish user-property NAME VALUE"', collect)
      .option("--repeat <count>", "publish it so often", wholeNumber("--repeat", 1))
      .option("--repeat-delay <seconds>", "pause between two messages", seconds("--repeat-delay"))
      .option("--count <count>", "end after so many messages", wholeNumber("--count", 1))
      .option("--no-template", "send {{…}} as it is")
      .option("--trace", "print what the hook did with each message; exit code 7 if one was dropped")
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
    command.addHelpText("after", TEMPLATE_HELP);
    // Property words as arguments of their own, as in mosquitto_pub.
    beforeParsing(command, joinPropertyArguments);
  },

  async run(context, [first, second], options) {
    const { topic, message } = topicAndMessage(first as string | undefined, second as string | undefined, options);
    if (topic !== undefined) checkTopicName(topic);
    checkSource(options, message);
    const publishOptions = checkPublishOptions(options);
    const messages = await openSource(context, options, topic, message, publishOptions);
    const target = await resolveTarget(context, options);
    const trace = options.trace ? await PublishTrace.start(context, options, target) : undefined;
    try {
      const { timeout, repeatDelay = 0 } = options;
      const timing = { timeoutMs: timeout * 1000, pauseMs: repeatDelay * 1000 };
      const publish = () => publishTo(context, target, messages, timing);
      const published = trace ? await trace.follow(publish) : await publish();
      if (context.output.json && !trace) {
        context.output.document({ ...(topic !== undefined && { topic }), qos: options.qos, published }, "");
      }
    } finally {
      trace?.close();
    }
  },
});

/** `pub TOPIC MESSAGE`, `pub -t TOPIC -m MESSAGE`, and what is between. */
function topicAndMessage(
  first: string | undefined,
  second: string | undefined,
  { topic, message, ndjson }: Options,
): { topic: string | undefined; message: string | undefined } {
  if (topic !== undefined && second !== undefined)
    throw usageError("the topic is named twice: --topic and an argument");
  const [topicArgument, messageArgument] = topic === undefined ? [first, second] : [topic, first];
  if (topicArgument === undefined && !ndjson) throw usageError("no topic is named", "such as `pubsub pub hello world`");
  if (message !== undefined && messageArgument !== undefined) {
    throw usageError("the message is there twice: --message and an argument", "text with spaces goes in quotes");
  }
  return { topic: topicArgument, message: message ?? messageArgument };
}

function checkPublishOptions({ qos, retain = false, property = [], mqttVersion }: Options): PublishOptions {
  if (property.length > 0 && mqttVersion !== 5) throw usageError("properties need MQTT 5", "leave -V out");
  return { qos, retain, properties: parseProperties(property) };
}
