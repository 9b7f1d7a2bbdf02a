import type { SessionSummary } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { usageError } from "../../errors.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";
import { pages } from "../../../client/pages.ts";
import { formatTable, printable } from "../../output/table.ts";
import { type MomentStyle, addMomentOption, createMomentFormat } from "../../output/time-style.ts";

interface Options extends BrokerOptions {
  connected?: boolean;
  away?: boolean;
  time?: MomentStyle;
}

const PAGE_SIZE = 1000;

export default defineCommand<Options>({
  examples: ["session list", "session list --away      those whose client is not there", "session list --json"],

  configure(command) {
    command.description("List the sessions of a broker: who is connected, and whose messages wait.");
    addBrokerArgument(command);
    command
      .option("--connected", "only those whose client is there")
      .option("--away", "only those whose client is not there");
    addMomentOption(command);
  },

  async run(context, [name], { connected, away, time = "relative", ...options }) {
    if (connected && away) throw usageError("--connected and --away exclude each other");
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const which = connected ? { connected: "true" as const } : away ? { connected: "false" as const } : {};
    const sessions: SessionSummary[] = [];
    for await (const page of pages((cursor) =>
      client.listSessions({ ...target, ...which, limit: PAGE_SIZE, ...cursor }),
    )) {
      sessions.push(...page.sessions);
    }
    const formatTime = createMomentFormat(context, time);
    const rows = sessions.map((session) => [
      printable(session.clientId),
      session.connection ? `connected ${formatTime(session.connection.connected_on)}` : "away",
      session.connection ? `${session.connection.transport} ${session.connection.remote}` : "–",
      String(session.subscriptions),
      String(session.queuedMessages),
      String(session.inflightMessages),
    ]);
    const table = formatTable(["CLIENT ID", "STATE", "FROM", "SUBSCRIPTIONS", "QUEUED", "INFLIGHT"], rows);
    context.output.document(sessions, rows.length > 0 ? table : "");
    if (rows.length === 0) context.output.info(`${target.broker} has no such session.`);
  },
});
