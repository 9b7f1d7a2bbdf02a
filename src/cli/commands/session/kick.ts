import { defineCommand } from "../../command.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../../settings/names.ts";
import { confirm } from "../../output/prompt.ts";
import { printable } from "../../output/table.ts";

interface Options extends BrokerOptions {
  endSession?: boolean;
  yes?: boolean;
}

export default defineCommand<Options>({
  examples: ["session kick terminal-7", "session kick terminal-7 --end-session --yes"],

  configure(command) {
    command
      .description(
        "Disconnect a client (reason code 0x98). It may come back at once: to keep it out, revoke its token.",
      )
      .argument("<client>", "client id");
    addBrokerOptions(command);
    command
      .option("--end-session", "end its session, too: its subscriptions and the messages that wait for it are gone")
      .option("-y, --yes", "do not ask before the session is ended");
  },

  async run(context, [argument], { endSession = false, yes, ...options }) {
    const clientId = argument as string;
    const client = await context.client();
    const target = await resolveBroker(context, client, options);
    if (endSession) await confirm(context, `End the session of ${printable(clientId)} for good?`, yes);
    const { disconnected, sessionEnded } = await client.kickSession({ ...target, client: clientId, endSession });
    if (context.output.json) {
      context.output.document({ client: clientId, disconnected, sessionEnded }, "");
      return;
    }
    const facts = [disconnected ? "disconnected" : "was away", sessionEnded ? "its session has ended" : ""];
    context.output.info(`${printable(clientId)} ${facts.filter(Boolean).join("; ")}.`);
  },
});
