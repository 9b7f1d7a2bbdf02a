import { defineCommand } from "../../command.ts";
import { addBrokerOptions, type BrokerOptions } from "../../settings/names.ts";
import { formatTable } from "../../output/table.ts";

export default defineCommand<BrokerOptions>({
  examples: ["config explain", "config explain --json"],

  configure(command) {
    command.description(
      "Say which server, namespace and broker commands work with here, and who said so. Flags win over the environment " +
        "(PUBSUB_…), that over the project's pubsub.jsonc or pubsub.toml, that over what `pubsub dev` remembered.",
    );
    addBrokerOptions(command);
  },

  async run({ settings, output }) {
    const { sources, apiToken } = settings;
    const rows = [
      ["api", settings.api, sources.api],
      ["apiToken", apiToken === undefined ? undefined : "(not shown)", sources.apiToken],
      ["accountId", settings.accountId, sources.accountId],
      ["namespace", settings.namespace, sources.namespace],
      ["broker", settings.broker, sources.broker],
    ].map(([name = "", value = "–", source = ""]) => [name, value, source]);
    const found = rows.map(([name, value, source]) => ({ name, value: value === "–" ? null : value, source }));
    output.document(found, formatTable(["SETTING", "VALUE", "FROM"], rows));
  },
});
