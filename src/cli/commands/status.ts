import { defineCommand } from "../command.ts";
import { formatFields } from "../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentWithDistance } from "../output/time-style.ts";
import { formatBytes } from "../server/data-command.ts";

export default defineCommand<MomentOptions>({
  examples: ["status", "status --json", "status --quiet || pubsub start"],

  configure(command) {
    command.description("Say whether the server runs, and where. Exit code 3 if it does not.");
    addMomentOption(command);
  },

  async run(context, _args, { time }) {
    const client = await context.client();
    const status = await client.status();
    const { data } = status;
    const { namespace, broker } = context.settings;
    const fields = formatFields([
      ["version", status.version],
      ["process", String(status.pid)],
      ["started", createMomentWithDistance(context, time)(status.started_on)],
      ["MQTT", status.mqtt],
      ["WebSocket", status.ws],
      ["TLS", status.mqtts],
      ["API", context.settings.api],
      ["data", data?.folder ?? "in memory, gone at the end"],
      ["kept", data && `${data.records} records, ${formatBytes(data.bytes)}`],
      ["broker in use", namespace && broker && `${namespace}/${broker}`],
    ]);
    context.output.document(status, fields);
    if (data?.full) {
      context.output.warn(
        "there is no room on the disk: what would have to be kept is refused (reason code 0x97)",
        `make room on the disk of ${data.folder}`,
      );
    }
  },
});
