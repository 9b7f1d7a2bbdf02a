import type { Result } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { formatDuration } from "../../duration.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../../settings/names.ts";
import { pages } from "../../../client/pages.ts";
import { formatFields, formatTable, printable } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";

type Session = Result<"describeSession">;

const PAGE_SIZE = 1000;
/** MQTT 5.0 §3.1.2.11.2 */
const FOR_EVER = 0xff_ff_ff_ff;

export default defineCommand<BrokerOptions & MomentOptions>({
  examples: ["session describe terminal-7", "session describe terminal-7 --json"],

  configure(command) {
    command
      .description("Show the session of a client: its connection, its subscriptions, what waits for it.")
      .argument("<client>", "client id");
    addBrokerOptions(command);
    addMomentOption(command);
  },

  async run(context, [clientId], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    let session: Session | undefined;
    const filters: Session["filters"] = [];
    for await (const page of pages((cursor) =>
      client.describeSession({ ...target, client: clientId as string, limit: PAGE_SIZE, ...cursor }),
    )) {
      session = page;
      filters.push(...page.filters);
    }
    const { cursor: _, ...rest } = session!;
    context.output.document(
      { ...rest, filters },
      `${sessionFields(session!, createMomentFormat(context, options.time))}${filterTable(filters)}`,
    );
  },
});

function sessionFields(session: Session, formatTime: (time: string) => string): string {
  const { connection, sessionExpiryInterval: seconds } = session;
  return formatFields([
    ["client id", printable(session.clientId)],
    ["state", connection ? `connected since ${formatTime(connection.connected_on)}` : "away"],
    ["from", connection && `${connection.transport} ${connection.remote}`],
    ["keep alive", connection && `${connection.keepAlive} s`],
    ["token id (jti)", connection?.jti && printable(connection.jti)],
    ["outlives its connection", seconds === FOR_EVER ? "for ever" : seconds === 0 ? "no" : formatDuration(seconds)],
    ["ends", session.expires_on && formatTime(session.expires_on)],
    ["queued", `${session.queuedMessages} messages, ${session.queuedBytes} bytes`],
    ["inflight", `${session.inflightMessages} messages`],
    ["will", session.hasWill ? "yes" : "no"],
    ["subscriptions", String(session.subscriptions)],
  ]);
}

function filterTable(filters: Session["filters"]): string {
  if (filters.length === 0) return "";
  const rows = filters.map(({ topicFilter, qos, noLocal, retainAsPublished }) => [
    printable(topicFilter),
    String(qos),
    [noLocal ? "no local" : "", retainAsPublished ? "retain as published" : ""].filter(Boolean).join(", "),
  ]);
  return `\n${formatTable(["TOPIC FILTER", "QOS", "OPTIONS"], rows)}`;
}
