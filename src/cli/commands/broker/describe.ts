import type { Broker } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { formatDuration } from "../../duration.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";
import { describeLimits } from "../../server/limit-options.ts";
import { formatFields, printable } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";

export default defineCommand<BrokerOptions & MomentOptions>({
  examples: ["broker describe dev", "broker describe orders --namespace shop --json"],

  configure(command) {
    addBrokerArgument(command);
    addMomentOption(command);
  },

  async run(context, [name], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const broker = await client.describeBroker(target);
    context.output.document(broker, brokerFields(broker, target.namespace, createMomentFormat(context, options.time)));
  },
});

export function brokerFields(broker: Broker, namespace: string, formatTime: (time: string) => string): string {
  return formatFields([
    ["name", broker.name],
    ["namespace", namespace],
    ["id", broker.id],
    ["description", printable(broker.description ?? "")],
    ["endpoint", broker.endpoint],
    ["authentication", broker.auth_type],
    ["tokens end after", expirationText(broker.expiration)],
    ["on publish", broker.on_publish?.url ?? "no hook"],
    ["on hook failure", broker.on_publish?.on_failure],
    ["limits", describeLimits(broker.limits)],
    ["created", formatTime(broker.created_on)],
    ["modified", formatTime(broker.modified_on)],
  ]);
}

/** How long tokens of the broker are good for. */
export function expirationText(seconds: number | null): string {
  return seconds === null ? "never" : formatDuration(seconds);
}
