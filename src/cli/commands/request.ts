import { randomBytes } from "node:crypto";
import type { CommandContext } from "../context.ts";
import { beforeParsing, defineCommand } from "../command.ts";
import { usageError } from "../errors.ts";
import { UserError } from "../../errors.ts";
import { type Lifetime, live } from "../lifetime.ts";
import { type PrintOptions, addPrintOptions, createPrinter } from "../messages/message-printer.ts";
import { type MqttConnection, connectMqtt } from "../mqtt/connection.ts";
import { subscriptionRefused } from "../mqtt/errors.ts";
import { type MessageProperties, joinPropertyArguments, parseProperties } from "../mqtt/properties.ts";
import { type TargetOptions, addTargetOptions, resolveTarget } from "../mqtt/target.ts";
import { collect, qualityOfService, seconds, wholeNumber } from "../option-parsers.ts";
import type { ReceivedMessage } from "../messages/received-message.ts";
import { readAll, readFileOrExplain } from "../settings/secrets.ts";
import { checkTopicName } from "../messages/topic.ts";

interface Options extends TargetOptions, PrintOptions {
  file?: string;
  qos: 0 | 1 | 2;
  property?: string[];
  responseTopic?: string;
  count: number;
  timeout: number;
}

interface Request {
  topic: string;
  payload: Buffer;
  properties: MessageProperties;
}

export default defineCommand<Options>({
  examples: [
    "request devices/7/status",
    'request devices/7/set \'{"light":"on"}\' --timeout 5',
    "request devices/all/ping -C 3 -v         the first three answers, with their topic",
    "request devices/7/status --json",
  ],

  configure(command) {
    command
      .description(
        "Publish a request (MQTT 5) and print the answer: subscribes to a response topic, publishes the message with it " +
          "and with correlation data, and waits. Exit code 27 if no answer comes in time.",
      )
      .argument("<topic>", "topic of the request")
      .argument("[message]", "the request; - reads it from standard input (default: empty)")
      .option("-f, --file <file>", "the content of a file as the request")
      .option("-q, --qos <level>", "quality of service: 0, 1 or 2", qualityOfService, 1 as const)
      .option("-D, --property <definition>", 'MQTT 5 property, such as "publish user-property NAME VALUE"', collect)
      .option("--response-topic <topic>", "where answers are to come (default: one that nobody else has)")
      .option("-C, --count <count>", "end after so many answers", wholeNumber("--count", 1), 1)
      .option("-W, --timeout <seconds>", "longest wait for the answers", seconds("--timeout"), 30);
    addTargetOptions(command);
    addPrintOptions(command);
    beforeParsing(command, joinPropertyArguments);
  },

  async run(context, [topic, message], options) {
    const request = await readRequest(context, topic as string, message as string | undefined, options);
    const print = createPrinter(context.output, options, false);
    let answers = 0;
    const timedOut = () =>
      new UserError(
        "timed-out",
        `${answers === 0 ? "no answer" : `${answers} of ${options.count} answers`} came within ${options.timeout} s`,
        `does somebody subscribe to ${request.topic}, and answer on the response topic?`,
      );
    const waitMs = options.timeout * 1000;
    await live(context, { waitMs, timedOut, bounded: true }, async (lifetime) => {
      await ask(context, request, options, lifetime, async (answer) => {
        if (answers === options.count) return;
        answers++;
        await print(answer);
        if (answers === options.count) setImmediate(lifetime.finish);
      });
    });
  },
});

async function readRequest(
  context: CommandContext,
  topic: string,
  message: string | undefined,
  { file, property = [], mqttVersion, responseTopic, tokenStdin }: Options,
): Promise<Request> {
  checkTopicName(topic);
  if (responseTopic !== undefined) checkTopicName(responseTopic);
  if (mqttVersion !== 5) throw usageError("a request needs MQTT 5", "leave -V out");
  if (file !== undefined && message !== undefined)
    throw usageError("the request is there twice: --file and an argument");
  if (message === "-" && tokenStdin) {
    throw usageError("standard input cannot be both token and message", "use --token-file");
  }
  const properties = parseProperties(property) ?? {};
  if (properties.responseTopic !== undefined) throw usageError("the response topic is named with --response-topic");
  const payload =
    file !== undefined
      ? await readFileOrExplain(file)
      : message === "-"
        ? await readAll(context.stdin, context.signal)
        : Buffer.from(message ?? "");
  return { topic, payload, properties };
}

/** Returns never: ends when its lifetime does, or with the error that ended the connection. */
async function ask(
  context: CommandContext,
  { topic, payload, properties }: Request,
  options: Options,
  { signal }: Lifetime,
  onAnswer: (message: ReceivedMessage) => Promise<void>,
): Promise<void> {
  const target = await resolveTarget(context, options);
  const correlationData = properties.correlationData ?? randomBytes(12);
  const onMessage = async (message: ReceivedMessage) => {
    // Answers to somebody else's request, on a topic that others use as well.
    const own = message.properties?.correlationData;
    if (own === undefined || own.equals(correlationData)) await onAnswer(message);
  };
  const timeoutMs = options.timeout * 1000;
  const connecting = connectMqtt(target, { timeoutMs, signal, onMessage, responseInformation: true });
  const connection = await context.output.spin(`connecting to ${target.url.host}`, connecting);
  try {
    const responseTopic = options.responseTopic ?? newResponseTopic(connection, target.clientId);
    const [reasonCode = 0x80] = await connection.subscribe([responseTopic], { qos: options.qos, noRetained: true });
    if (reasonCode >= 0x80) throw subscriptionRefused(responseTopic, reasonCode);
    const all = { ...properties, responseTopic, correlationData };
    await connection.publish(topic, payload, { qos: options.qos, retain: false, properties: all });
    await connection.lost;
  } finally {
    await connection.close();
  }
}

/** Below what the broker keeps for this client, or else below a name that nobody else has. */
function newResponseTopic(connection: MqttConnection, clientId: string): string {
  const information = connection.responseInformation;
  const unique = randomBytes(6).toString("hex");
  return information === undefined || information === ""
    ? `responses/${clientId.replaceAll(/[+#]/g, "-")}/${unique}`
    : `${information.replace(/\/$/, "")}/${unique}`;
}
