import type { Broker, HookState } from "../../../contract/types.ts";
import { defineCommand } from "../../command.ts";
import { formatFields } from "../../output/table.ts";
import { type MomentOptions, addMomentOption, createMomentFormat } from "../../output/time-style.ts";
import { describeHook } from "../../server/hook-options.ts";
import { type BrokerOptions, addBrokerArgument, resolveBroker } from "../../settings/names.ts";

export default defineCommand<BrokerOptions & MomentOptions>({
  examples: ["hook show", "hook show orders --namespace shop --json"],

  configure(command) {
    command.description(
      "Show the hook of a broker, every setting with its default, and how its circuit breaker stands.",
    );
    addBrokerArgument(command);
    addMomentOption(command);
  },

  async run(context, [name], options) {
    const client = await context.client();
    const target = await resolveBroker(context, client, options, name as string | undefined);
    const broker = await client.describeBroker(target);
    const hook = broker.on_publish ?? {};
    const circuit = hook.circuit_breaker && (await client.describeHook(target))?.circuit;
    const formatTime = createMomentFormat(context, options.time);
    context.output.document(
      { ...hook, ...(circuit && { circuit }) },
      hookFields(broker, target.namespace, circuit && describeCircuit(circuit, formatTime)),
    );
  },
});

function describeCircuit(
  { state, since, failures, asked_again_on: askedAgain }: NonNullable<HookState["circuit"]>,
  formatTime: (time: string) => string,
): string {
  const details = [
    failures > 0 && `${failures} ${failures === 1 ? "failure" : "failures in a row"}`,
    askedAgain !== undefined && `asked again from ${formatTime(askedAgain)}`,
    state === "half-open" && "one request shows whether the hook is back",
  ];
  return [`${state} since ${formatTime(since)}`, ...details.filter((detail) => detail !== false)].join("; ");
}

/** @param circuit how its circuit breaker stands, where that is known */
export function hookFields({ name, on_publish: hook = {} }: Broker, namespace: string, circuit?: string): string {
  return formatFields([
    ["broker", `${namespace}/${name}`],
    ["url", hook.url ?? "no hook"],
    ...(Object.keys(hook).length === 0 ? [] : describeHook(hook)),
    ["circuit", circuit],
  ]);
}
