/** Where the messages of `pub` come from: an argument, a file, standard input. */
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { splitLines } from "./lines.ts";
import type { Template } from "./message-template.ts";
import type { PublishOptions } from "../mqtt/connection.ts";
import { type OutgoingMessage, parseMessageLine } from "./outgoing-message.ts";
import { readAll, readFileOrExplain } from "../settings/secrets.ts";
import { checkTopicName } from "./topic.ts";

export interface SourceOptions {
  file?: string;
  stdinLine?: boolean;
  stdinFile?: boolean;
  nullMessage?: boolean;
  ndjson?: boolean;
  tokenStdin?: boolean;
  repeat?: number;
  repeatDelay?: number;
  count?: number;
  /** False with `--no-template`. */
  template?: boolean;
}

/** Messages in groups: those that are there at the same time. */
export type Messages = AsyncIterable<OutgoingMessage[]>;

/** [MQTT-2.1.4]: the most that a packet can be; also keeps a stream without line feeds out of memory. */
export const PAYLOAD_BYTES_MAX = 268_435_455;

/** Of repeated messages that leave together. */
const GROUP_SIZE = 256;

/** What names the messages, checked: exactly one way has to be named. */
export function checkSource(options: SourceOptions, message: string | undefined): void {
  const { file, stdinLine, stdinFile, nullMessage, ndjson, tokenStdin, repeat } = options;
  const named = [message, file, stdinLine, stdinFile, nullMessage, ndjson].filter((way) => way !== undefined);
  if (named.length === 0) throw usageError("no message is named", "name it, or write - to read it from standard input");
  if (named.length > 1) {
    throw usageError("the message is named more than once", "choose one of MESSAGE, -m, -f, -s, -l, -n and --ndjson");
  }
  const fromStdin = stdinLine || stdinFile || ndjson || message === "-";
  if (fromStdin && tokenStdin) throw usageError("standard input cannot be both token and message", "use --token-file");
  if (repeat !== undefined && (stdinLine || ndjson)) {
    throw usageError(`--repeat does not work with ${stdinLine ? "--stdin-line" : "--ndjson"}`);
  }
}

export async function openSource(
  context: CommandContext,
  options: SourceOptions,
  topic: string | undefined,
  message: string | undefined,
  publishOptions: PublishOptions,
): Promise<Messages> {
  const { file, stdinLine, stdinFile, ndjson, count = Number.POSITIVE_INFINITY } = options;
  if (ndjson) return firstOf(messagesOfJson(context, { topic, options: publishOptions }), count);
  // `checkSource` and `pub` have seen to it that there is one.
  const name = topic!;
  if (stdinLine) return firstOf(messagesOfLines(context, name, publishOptions), count);
  const data =
    stdinFile || message === "-"
      ? await readAll(context.stdin, context.signal)
      : file === undefined
        ? undefined
        : await readFileOrExplain(file);
  const isLiteral = data !== undefined || options.template === false;
  const templates = isLiteral ? undefined : await compileTemplates(context, name, message ?? "");
  const first = { topic: name, payload: data ?? Buffer.from(message ?? ""), options: publishOptions };
  const rounds = Math.min(options.repeat ?? 1, count);
  return repeated(context, first, templates, { rounds, groupSize: options.repeatDelay ? 1 : GROUP_SIZE });
}

interface Templates {
  topic: Template | undefined;
  message: Template | undefined;
}

/** Loads what templates need only where there is one. */
async function compileTemplates(
  context: CommandContext,
  topic: string,
  message: string,
): Promise<Templates | undefined> {
  if (![topic, message].some((text) => text.includes("{{"))) return undefined;
  const { compileTemplate } = await import("./message-template.ts");
  const templates = { topic: compileTemplate(topic), message: compileTemplate(message) };
  const unknown = [...(templates.topic?.unknown ?? []), ...(templates.message?.unknown ?? [])];
  for (const text of new Set(unknown)) {
    context.output.warn(`${text} is sent as it is`, "there are {{count}}, {{id}}, {{time}} and {{random 1 100}}");
  }
  return templates;
}

/** Without a pause between two they come in groups. */
async function* repeated(
  context: CommandContext,
  { topic, payload, options }: OutgoingMessage,
  templates: Templates | undefined,
  { rounds, groupSize }: { rounds: number; groupSize: number },
): Messages {
  let group: OutgoingMessage[] = [];
  for (let count = 1; count <= rounds; count++) {
    const values = { count, now: context.now() };
    const name = templates?.topic?.expand(values) ?? topic;
    if (templates?.topic) checkTopicName(name);
    const text = templates?.message?.expand(values);
    group.push({ topic: name, payload: text === undefined ? payload : Buffer.from(text), options });
    if (group.length < groupSize && count < rounds) continue;
    yield group;
    group = [];
  }
}

async function* messagesOfLines({ stdin }: CommandContext, topic: string, options: PublishOptions): Messages {
  for await (const lines of splitLines(stdin, PAYLOAD_BYTES_MAX)) {
    yield lines.map((payload) => ({ topic, payload, options }));
  }
}

async function* messagesOfJson(
  { stdin }: CommandContext,
  defaults: { topic: string | undefined; options: PublishOptions },
): Messages {
  let number = 0;
  for await (const lines of splitLines(stdin, PAYLOAD_BYTES_MAX)) {
    const messages: OutgoingMessage[] = [];
    try {
      for (const line of lines) {
        number++;
        if (line.length > 0) messages.push(parseMessageLine(line, defaults, `line ${number}`));
      }
    } catch (error) {
      // Those before the line that is wrong are published.
      yield messages;
      throw error;
    }
    yield messages;
  }
}

/** No more than so many; what comes after them is not read. */
async function* firstOf(messages: Messages, count: number): Messages {
  let rest = count;
  for await (const group of messages) {
    yield group.slice(0, rest);
    rest -= group.length;
    if (rest <= 0) return;
  }
}
