import { currentContext, readConfiguration } from "../../settings/configuration.ts";
import { defineCommand } from "../../command.ts";
import { usageError } from "../../errors.ts";
import { Option } from "commander";
import { formatFields } from "../../output/table.ts";
import { UserError } from "../../../errors.ts";

interface Options {
  output?: "env";
}

export default defineCommand<Options>({
  examples: ["context show", '$ eval "$(pubsub context show -o env)"      PUBSUB_API_URL and others for scripts'],

  configure(command) {
    command
      .description("Show a server that is remembered. Its API token is shown with -o env and --json only.")
      .argument("[name]", "its name (default: the one in use)")
      .addOption(new Option("-o, --output <format>", "env: lines for a shell").choices(["env"]));
  },

  async run({ env, output }, [argument], { output: format }) {
    const configuration = readConfiguration(env);
    const name = (argument as string | undefined) ?? configuration.current ?? "";
    const context = argument === undefined ? currentContext(configuration) : configuration.contexts?.[name];
    if (!context) {
      const what = argument === undefined ? "no context is in use" : `there is no context "${name}"`;
      throw new UserError("not-found", what, "`pubsub context list` shows those that exist; `pubsub dev` adds one");
    }
    if (format === "env" && output.json) throw usageError("--json and -o env exclude each other");
    const variables = {
      PUBSUB_API_URL: context.api,
      PUBSUB_API_TOKEN: context.apiToken,
      PUBSUB_ACCOUNT_ID: context.accountId,
      PUBSUB_NAMESPACE: context.namespace,
      PUBSUB_BROKER: context.broker,
    };
    if (format === "env") {
      void output.write(
        Object.entries(variables)
          .map(([key, value]) => `${key}=${quote(value)}\n`)
          .join(""),
      );
      return;
    }
    const fields = formatFields([
      ["name", name],
      ["API", context.api],
      ["MQTT", context.mqtt],
      ["WebSocket", context.ws],
      ["TLS", context.mqtts],
      ["broker", `${context.namespace}/${context.broker}`],
      ["account", context.accountId],
      ["process", context.pid === undefined ? undefined : String(context.pid)],
    ]);
    output.document({ name, ...context }, fields);
  },
});

/** For a POSIX shell. */
function quote(value: string): string {
  return /^[\w.:/@-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
