import { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { splitLines } from "../lines.ts";
import { type MqttConnection, type PublishOptions, connectMqtt } from "../mqtt-connection.ts";
import { joinPropertyArguments, parseProperties } from "../mqtt-properties.ts";
import { type TargetOptions, addTargetOptions, resolveTarget } from "../mqtt-target.ts";
import { collect, qualityOfService, seconds, wholeNumber } from "../option-parsers.ts";
import { PublishWindow } from "../publish-window.ts";
import { readAll, readFileOrExplain } from "../secrets.ts";
import { sleep } from "../sleep.ts";
import { checkTopicName } from "../topic.ts";

interface Options extends TargetOptions {
  topic?: string;
  message?: string;
  file?: string;
  stdinLine?: boolean;
  stdinFile?: boolean;
  nullMessage?: boolean;
  qos: 0 | 1 | 2;
  retain?: boolean;
  property?: string[];
  repeat?: number;
  repeatDelay?: number;
  timeout: number;
}

/** [MQTT-2.1.4]: the most that a packet can be; also keeps a stream without line feeds out of memory. */
const MAX_PAYLOAD_BYTES = 268_435_455;
/** Publishes that wait for their acknowledgement at the same time; more gains nothing. */
const MAX_INFLIGHT = 512;

export default defineCommand<Options>({
  examples: [
    "pub hello world",
    "pub lamps/kitchen on --qos 1 --retain",
    "pub lamps/kitchen -n -r                     clears the retained message",
    "pub readings -f reading.json -D 'publish content-type application/json'",
    "pub log -l                                  a message per line of standard input",
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
      .option("-n, --null-message", "an empty message")
      .option("-q, --qos <level>", "quality of service: 0, 1 or 2", qualityOfService, 0 as const)
      .option("-r, --retain", "keep it for those who subscribe later")
      .option("-D, --property <definition>", 'MQTT 5 property, such as "publish user-property NAME VALUE"', collect)
      .option("--repeat <count>", "publish it so often", wholeNumber("--repeat", 1))
      .option("--repeat-delay <seconds>", "pause between two of them", seconds("--repeat-delay"))
      .option("--timeout <seconds>", "longest wait for an answer of the broker", seconds("--timeout"), 30);
    addTargetOptions(command);
    // Property words as arguments of their own, as in mosquitto_pub.
    command.parseOptions = (argv) => Command.prototype.parseOptions.call(command, joinPropertyArguments(argv));
  },

  async run(context, [first, second], options) {
    const { topic, message } = topicAndMessage(first as string | undefined, second as string | undefined, options);
    checkTopicName(topic);
    const publishOptions = checkPublishOptions(options);
    const source = messageSource(context, options, message);
    const payloads = await source();

    const target = await resolveTarget(context, options);
    const { signal } = context;
    const connecting = connectMqtt(target, { timeoutMs: options.timeout * 1000, signal });
    const connection = await context.output.spin(`connecting to ${target.url.host}`, connecting);
    try {
      const count = await publishAll(connection, topic, payloads, publishOptions, options, signal);
      // At QoS 0 nobody answers a publish. A refusal comes before the answer to what was sent after it.
      if (publishOptions.qos === 0 && count > 0) await connection.roundTrip();
      if (context.output.json) context.output.document({ topic, qos: publishOptions.qos, published: count }, "");
    } finally {
      await connection.close();
    }
  },
});

/** `pub TOPIC MESSAGE`, `pub -t TOPIC -m MESSAGE`, and what is between. */
function topicAndMessage(
  first: string | undefined,
  second: string | undefined,
  { topic, message }: Options,
): { topic: string; message: string | undefined } {
  if (topic !== undefined && second !== undefined)
    throw usageError("the topic is named twice: --topic and an argument");
  const [topicArgument, messageArgument] = topic === undefined ? [first, second] : [topic, first];
  if (topicArgument === undefined) throw usageError("no topic is named", "such as `pubsub pub hello world`");
  if (message !== undefined && messageArgument !== undefined) {
    throw usageError("the message is there twice: --message and an argument", "text with spaces goes in quotes");
  }
  return { topic: topicArgument, message: message ?? messageArgument };
}

function checkPublishOptions({ qos, retain = false, property = [], mqttVersion }: Options): PublishOptions {
  if (property.length > 0 && mqttVersion !== 5) throw usageError("properties need MQTT 5", "leave -V out");
  return { qos, retain, properties: parseProperties(property) };
}

type Payloads = AsyncIterable<Buffer> | Iterable<Buffer>;

/** Where the messages come from; exactly one way has to be named. */
function messageSource(
  context: CommandContext,
  options: Options,
  message: string | undefined,
): () => Promise<Payloads> {
  const { file, stdinLine, stdinFile, nullMessage, tokenStdin } = options;
  const named = [message, file, stdinLine, stdinFile, nullMessage].filter((way) => way !== undefined);
  if (named.length === 0) throw usageError("no message is named", "name it, or write - to read it from standard input");
  if (named.length > 1)
    throw usageError("the message is named more than once", "choose one of MESSAGE, -m, -f, -s, -l and -n");
  const fromStdin = stdinLine || stdinFile || message === "-";
  if (fromStdin && tokenStdin) throw usageError("standard input cannot be both token and message", "use --token-file");
  if (stdinLine && options.repeat !== undefined) throw usageError("--repeat does not work with --stdin-line");

  if (stdinLine) return async () => splitLines(context.stdin, MAX_PAYLOAD_BYTES);
  if (fromStdin) return async () => [await readAll(context.stdin, context.signal)];
  if (file !== undefined) return async () => [await readFileOrExplain(file)];
  return async () => [Buffer.from(message ?? "")];
}

/** @returns how many the broker took (at QoS 0: how many have left) */
async function publishAll(
  connection: MqttConnection,
  topic: string,
  payloads: Payloads,
  publishOptions: PublishOptions,
  { repeat = 1, repeatDelay = 0 }: Options,
  signal: AbortSignal,
): Promise<number> {
  const window = new PublishWindow(Math.min(connection.receiveMaximum, MAX_INFLIGHT));
  connection.lost.catch((error: unknown) => window.fail(error));
  const iterator = Symbol.asyncIterator in payloads ? payloads[Symbol.asyncIterator]() : payloads[Symbol.iterator]();
  let count = 0;
  for (;;) {
    const next = await window.orFailure(Promise.resolve(iterator.next()));
    if (next.done) break;
    for (let round = 0; round < repeat; round++) {
      if (round > 0 && repeatDelay > 0) await window.orFailure(sleep(repeatDelay * 1000, signal));
      signal.throwIfAborted();
      const published = connection.publish(topic, next.value, publishOptions);
      if (publishOptions.qos === 0) await published;
      else await window.add(published);
      count++;
    }
  }
  await window.drained();
  return count;
}
