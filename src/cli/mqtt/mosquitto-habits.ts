/** Options of mosquitto_pub and mosquitto_sub that are spelt otherwise here: each is answered with what to write instead. */
import { type Command, Option } from "commander";
import { beforeParsing } from "../command.ts";
import { usageError } from "../errors.ts";

const URL_HINT = "name the broker with --url mqtt://HOST:PORT, or mqtts:// for TLS";

/** Flags, and what to do instead. Those that a command has itself are left to it. */
const habits: readonly (readonly [flags: string, hint: string])[] = [
  ["--host <host>", URL_HINT],
  ["-p, --port <port>", URL_HINT],
  ["-L <url>", "name the broker with --url mqtt://USER:PASSWORD@HOST:PORT, and the topic as an argument"],
  ["--pw <password>", "use PUBSUB_TOKEN, --token-file, --token-stdin, or --url mqtt://USER:PASSWORD@HOST"],
  ["--id <id>", "name the client id with -i or --client-id"],
  ["-I, --id-prefix <prefix>", "name the whole client id with -i or --client-id, or none for a new one"],
  ["--capath <folder>", "name one file with --cafile"],
  ["--insecure", "name the certificate to trust with --cafile"],
  ["-d, --debug", "`pubsub tail` shows what the broker does with a message, and why"],
  [
    "-k, --keepalive <seconds>",
    "the connection is kept alive by itself; --timeout says how long to wait for an answer",
  ],
  ["-c, --disable-clean-session", "the session of a command ends with it"],
  ["-N", "--raw prints payloads with nothing between them"],
  ["--remove-retained", "`pubsub retained delete FILTER` does that"],
  ["--protocol-version <version>", "name the version with -V or --mqtt-version"],
];

/**
 * Takes the habits for errors. To be called when the command has all its own options.
 * `-h HOST` too: help would be printed with exit code 0, as if the message had been published.
 */
export function explainMosquittoHabits(command: Command): void {
  const own = new Set(command.options.flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined)));
  for (const [flags, hint] of habits) {
    const option = new Option(flags).hideHelp();
    if ([option.short, option.long].some((flag) => flag !== undefined && own.has(flag))) continue;
    option.argParser(() => {
      throw usageError(`mosquitto's ${option.flags.replace(/ <.*/, "")} is not known here`, hint);
    });
    command.addOption(option);
  }
  beforeParsing(command, (argv) => {
    const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
    const index = argv.indexOf("-h");
    const host = argv[index + 1];
    if (index !== -1 && index < end && host !== undefined && !host.startsWith("-")) {
      throw usageError(`-h is help, and takes no host "${host}"`, URL_HINT);
    }
    return [...argv];
  });
}
