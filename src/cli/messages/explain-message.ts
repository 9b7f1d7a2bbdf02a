/** `pubsub explain message MID --for CLIENT`: why a client got a message, or did not. */
import type { Result } from "../../contract/types.ts";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { printable } from "../output/table.ts";
import { TailFormatter } from "../output/tail-format.ts";
import { deliveryExplanations, dropExplanations } from "./delivery-explanations.ts";
import { type BrokerOptions, resolveBroker } from "../settings/names.ts";

export interface ExplainMessageOptions extends BrokerOptions {
  for?: string;
}

const outcomes: Readonly<Record<Result<"explainMessage">["outcome"], string>> = {
  delivered: "delivered",
  waiting: "not yet",
  "not-delivered": "not delivered",
  unknown: "not delivered",
};

export async function explainMessage(
  context: CommandContext,
  mid: string | undefined,
  options: ExplainMessageOptions,
): Promise<void> {
  const number = mid?.replace("#", "");
  if (number === undefined || !/^[1-9]\d{0,14}$/.test(number)) {
    throw usageError(
      "explain message takes the number of a message",
      "pubsub tail and pub --trace show it: 12 for #12",
    );
  }
  if (options.for === undefined) {
    throw usageError(
      "name the client that should have got the message",
      `pubsub explain message ${number} --for CLIENT`,
    );
  }
  const client = await context.client();
  const target = await resolveBroker(context, client, options);
  const explanation = await client.explainMessage({
    ...target,
    mid: Number(number),
    client: options.for,
  });
  const { output } = context;
  const formatter = new TailFormatter(output.out, output.columns);
  const { outcome, reason, detail, events } = explanation;
  const meaning = deliveryExplanations[reason] ?? dropExplanations[reason];
  const lines = [
    `${output.out.bold(`message ${number} for ${printable(options.for)}`)}: ${outcomes[outcome]}${outcome === "delivered" ? "" : ` (${reason})`}`,
    ...(meaning === undefined ? [] : [`  ${meaning}`]),
    ...(detail === undefined ? [] : [`  ${printable(detail)}`]),
    ...events.map((event) => formatter.format(event)),
  ];
  output.document(explanation, `${lines.join("\n")}\n`);
}
