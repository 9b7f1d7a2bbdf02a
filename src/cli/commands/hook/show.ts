import type { Broker } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { formatFields } from "../../output/table.ts";
import { describeHook } from "../../server/hook-options.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";

export default defineCommand<BrokerOptions>({
  examples: ["hook show", "hook show orders --namespace shop --json"],

  configure: addBrokerArgument,

  async run(context, [name], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const broker = await client.describeBroker(target);
    context.output.document(broker.on_publish ?? {}, hookFields(broker, target.namespace));
  },
});

export function hookFields({ name, on_publish: hook = {} }: Broker, namespace: string): string {
  return formatFields([
    ["broker", `${namespace}/${name}`],
    ["url", hook.url ?? "no hook"],
    ...(Object.keys(hook).length === 0 ? [] : describeHook(hook)),
  ]);
}
