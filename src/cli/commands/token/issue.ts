import { Option } from "commander";
import type { ClientCertificates } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { parseExpiration } from "../../duration.ts";
import { usageError } from "../../errors.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";
import { checkTopicFilter } from "../../messages/topic.ts";
import { collect, oneOf, wholeNumber } from "../../option-parsers.ts";
import { printable } from "../../output/table.ts";

interface Options extends BrokerOptions {
  number?: number;
  type: "TOKEN" | "MTLS";
  clientId?: string[];
  expiration?: string;
  topicAcl?: string[];
  scram?: boolean;
  output?: "env";
}

const MAX_TOKENS = 100;

export default defineCommand<Options>({
  examples: [
    "token issue",
    "token issue dev --number 3 --expiration 48h",
    "token issue dev --client-id terminal-7 --client-id terminal-8",
    "token issue dev --client-id meter --topic-acl 'meters/+/power'",
    "$ export $(pubsub token issue -o env)      PUBSUB_URL, PUBSUB_CLIENT_ID and PUBSUB_TOKEN for scripts",
    "token issue secure --type mtls --client-id meter > meter.pem      key and certificate, for --key and --cert",
  ],

  configure(command) {
    command.description(
      "Issue tokens: one line for each with client id and token, a tab between them. A client connects with the " +
        "client id, any user name, and the token as password. Certificates (--type mtls), for brokers that were created with " +
        "--auth-type MTLS or MTLS_AND_TOKEN, come as PEM.",
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
      .addOption(new Option("-o, --output <format>", "env: one token as lines for a shell").choices(["env"]))
      .option("--scram", "let the clients also authenticate with SCRAM-SHA-256 (MQTT 5), the token as password")
      .addOption(
        new Option("--type <type>", "kind of credentials: TOKEN or MTLS")
          .argParser(oneOf("--type", ["TOKEN", "MTLS"]))
          .default("TOKEN"),
      );
  },

  async run(context, [name], options) {
    const { number, type, clientId, expiration, topicAcl, scram, output: format } = options;
    if (format === "env" && (type === "MTLS" || (number ?? clientId?.length ?? 1) > 1 || context.output.json)) {
      throw usageError("-o env prints one token", "leave --number, --type MTLS and --json out");
    }
    // The API takes an empty one for all topics, which a script with an empty variable does not mean.
    for (const filter of topicAcl ?? []) checkTopicFilter(filter);
    // A shell would take it apart.
    if (format === "env" && clientId?.some((id) => !/^[\w.:/@-]+$/.test(id))) {
      throw usageError("-o env needs a client id of letters, digits and . : / @ _ -");
    }
    if (number !== undefined && clientId !== undefined && number !== clientId.length) {
      throw usageError(`--number ${number} does not fit to ${clientId.length} client ids`, "leave --number out");
    }
    const seconds = expiration === undefined ? undefined : (parseExpiration(expiration) ?? -1);
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const input = {
      ...target,
      ...(number !== undefined && { number }),
      ...(clientId && { clientid: clientId }),
      ...(seconds !== undefined && { expiration: seconds }),
      ...(topicAcl && { topicAcl }),
      ...(scram && { scram: "true" as const }),
    };
    if (type === "MTLS") {
      if (scram) throw usageError("--scram goes with tokens, not with certificates");
      const certificates = await client.issueCredentials({ ...input, type });
      context.output.document(certificates, Object.entries(certificates).map(bundle).join("\n"));
      return;
    }
    const tokens = await client.issueCredentials({ ...input, type });
    if (format === "env") {
      const { mqtt } = await client.status();
      const [[id, token] = ["", ""]] = Object.entries(tokens);
      void context.output.write(`PUBSUB_URL=${mqtt}\nPUBSUB_CLIENT_ID=${id}\nPUBSUB_TOKEN=${token}\n`);
      return;
    }
    const lines = Object.entries(tokens).map(([id, token]) => `${id}\t${token}\n`);
    context.output.document(tokens, lines.join(""));
  },
});

/** Key and certificate in one text, which most programs take for either. What stands before them is ignored. */
function bundle([clientId, { id, expires_on: end, privateKey, certificate }]: [
  string,
  ClientCertificates[string],
]): string {
  return `# client id: ${printable(clientId)}\n# id: ${id}\n# ends: ${end}\n${privateKey}${certificate}`;
}
