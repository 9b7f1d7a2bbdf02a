import { defineCommand } from "../command.ts";
import { formatFields } from "../output/table.ts";
import { formatLocalTime, formatRelative } from "../output/time-format.ts";

export default defineCommand<object>({
  examples: ["status", "status --json", "status --quiet || pubsub start"],

  configure(command) {
    command.description("Say whether the server runs, and where. Exit code 3 if it does not.");
  },

  async run(context) {
    const client = await context.client();
    const status = await client.status();
    const started = new Date(status.started_on);
    const { namespace, broker } = context.settings;
    const fields = formatFields([
      ["version", status.version],
      ["process", String(status.pid)],
      ["started", `${formatLocalTime(started)} (${formatRelative(started, context.now())})`],
      ["MQTT", status.mqtt],
      ["WebSocket", status.ws],
      ["TLS", status.mqtts],
      ["API", context.settings.api],
      ["broker in use", namespace && broker && `${namespace}/${broker}`],
    ]);
    context.output.document(status, fields);
  },
});
