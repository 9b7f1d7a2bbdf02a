import { Option } from "commander";
import { defineCommand } from "../../command.ts";
import { parseExpiration } from "../../duration.ts";
import { usageError } from "../../errors.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../names.ts";
import { collect, wholeNumber } from "../../option-parsers.ts";

interface Options extends BrokerOptions {
  number?: number;
  type: "TOKEN";
  clientId?: string[];
  expiration?: string;
  topicAcl?: string[];
  scram?: boolean;
}

const MAX_TOKENS = 100;

export default defineCommand<Options>({
  examples: [
    "token issue",
    "token issue dev --number 3 --expiration 48h",
    "token issue dev --client-id terminal-7 --client-id terminal-8",
    "token issue dev --client-id meter --topic-acl 'meters/+/power'",
  ],

  configure(command) {
    command.description(
      "Issue tokens: one line for each with client id and token, a tab between them. A client connects with the " +
        "client id, any user name, and the token as password.",
    );
    addBrokerArgument(command);
    command
      .option(
        "-n, --number <count>",
        "how many, each for a new client id (default: 1)",
        wholeNumber("--number", 1, MAX_TOKENS),
      )
      .option("--client-id <id>", "client id to issue for; may be repeated", collect)
      .option("--exp, --expiration <duration>", 'how long they are good for: 90s, 48h, 7d, 1mo; "none" for ever')
      .option(
        "--topic-acl <filter>",
        "topics that they may publish and subscribe to; may be repeated (default: all)",
        collect,
      )
      .option("--scram", "let the clients also authenticate with SCRAM-SHA-256 (MQTT 5), the token as password")
      .addOption(new Option("--type <type>", "kind of credentials").choices(["TOKEN"]).default("TOKEN"));
  },

  async run(context, [name], options) {
    const { number, type, clientId, expiration, topicAcl, scram } = options;
    if (number !== undefined && clientId !== undefined && number !== clientId.length) {
      throw usageError(`--number ${number} does not fit to ${clientId.length} client ids`, "leave --number out");
    }
    const seconds = expiration === undefined ? undefined : (parseExpiration(expiration) ?? -1);
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const tokens = await client.issueCredentials({
      ...target,
      type,
      ...(number !== undefined && { number }),
      ...(clientId && { clientid: clientId }),
      ...(seconds !== undefined && { expiration: seconds }),
      ...(topicAcl && { topicAcl }),
      ...(scram && { scram: "true" as const }),
    });
    const lines = Object.entries(tokens).map(([id, token]) => `${id}\t${token}\n`);
    context.output.document(tokens, lines.join(""));
  },
});
