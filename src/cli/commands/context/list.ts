import { configurationFile, readConfiguration } from "../../settings/configuration.ts";
import { defineCommand } from "../../command.ts";
import { isAlive } from "../../server/server-process.ts";
import { formatTable } from "../../output/table.ts";

export default defineCommand<object>({
  examples: ["context list", "context list --json"],

  configure(command) {
    command.description("List the servers that are remembered, and which of them is in use.");
  },

  async run({ env, output }) {
    const { current, contexts = {} } = readConfiguration(env);
    const found = Object.entries(contexts).map(([name, { api, mqtt, ws, namespace, broker, pid }]) => ({
      ...{ name, current: name === current, api, mqtt, ws, namespace, broker },
      ...(pid !== undefined && { pid, running: isAlive(pid) }),
    }));
    const rows = found.map(({ name, current: isCurrent, api, namespace, broker, running }) => [
      isCurrent ? `${name} *` : name,
      api,
      `${namespace}/${broker}`,
      running === undefined ? "" : running ? "running" : "not running",
    ]);
    const table = formatTable(["NAME", "API", "BROKER", "SERVER"], rows);
    output.document(found, rows.length > 0 ? table : "");
    if (rows.length === 0)
      output.info(`No server is remembered in ${configurationFile(env)}. \`pubsub dev\` adds one.`);
  },
});
