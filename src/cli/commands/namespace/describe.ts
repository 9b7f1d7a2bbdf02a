import type { Namespace } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { resolveNamespace } from "../../settings/names.ts";
import { formatFields, printable } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";

interface Options extends MomentOptions {
  namespace?: string;
}

export default defineCommand<Options>({
  examples: ["namespace describe shop"],

  configure(command) {
    command
      .argument("[name]", "the namespace (default: the configured one, or the only one there is)")
      .option("--ns, --namespace <name>", "the same as an option");
    addMomentOption(command);
  },

  async run(context, [name], options) {
    const client = await context.client();
    const chosen = await resolveNamespace(context, client, (name as string | undefined) ?? options.namespace);
    const namespace = await client.describeNamespace({ namespace: chosen });
    context.output.document(namespace, namespaceFields(namespace, createMomentFormat(context, options.time)));
  },
});

export function namespaceFields(namespace: Namespace, formatTime: (time: string) => string): string {
  return formatFields([
    ["name", namespace.name],
    ["id", namespace.id],
    ["description", printable(namespace.description ?? "")],
    ["created", formatTime(namespace.created_on)],
    ["modified", formatTime(namespace.modified_on)],
  ]);
}
