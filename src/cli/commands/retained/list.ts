import type { RetainedMessage } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../../settings/names.ts";
import { pages } from "../../../client/pages.ts";
import { formatTable, printable, truncate } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";
import { checkTopicFilter } from "../../messages/topic.ts";

const PREVIEW_WIDTH = 40;
const PAGE_SIZE = 1000;

export default defineCommand<BrokerOptions & MomentOptions>({
  examples: ["retained list", "retained list 'lamps/#'", "retained list --json"],

  configure(command) {
    command
      .description("List the retained messages of a broker, with the beginning of each payload.")
      .argument("[filter]", "topic filter (default: #)");
    addBrokerOptions(command);
    addMomentOption(command);
  },

  async run(context, [filter = "#"], options) {
    const topic = filter as string;
    checkTopicFilter(topic);
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    const formatTime = createMomentFormat(context, options.time);
    const messages: RetainedMessage[] = [];
    for await (const page of pages((cursor) =>
      client.listRetained({ ...target, topic, limit: PAGE_SIZE, ...cursor }),
    )) {
      messages.push(...page.messages);
    }
    const rows = messages.map((message) => [
      printable(message.topic),
      payloadPreview(message),
      String(message.payloadBytes),
      String(message.qos),
      printable(message.publisher) || "–",
      formatTime(message.received_on),
    ]);
    const table = formatTable(["TOPIC", "PAYLOAD", "BYTES", "QOS", "PUBLISHER", "RECEIVED"], rows);
    context.output.document(messages, rows.length > 0 ? table : "");
    if (rows.length === 0) context.output.info(`${target.broker} retains no message on ${topic}.`);
  },
});

function payloadPreview({ payload, payloadEncoding }: RetainedMessage): string {
  const text = payloadEncoding === "utf8" ? printable(payload) : `0x${Buffer.from(payload, "base64").toString("hex")}`;
  return truncate(text, PREVIEW_WIDTH);
}
