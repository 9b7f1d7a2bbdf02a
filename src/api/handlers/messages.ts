import type { CheckedInput } from "../../contract/types.ts";
import type { InternalPublish } from "../../broker/ports.ts";
import { publicEvent } from "../event-json.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, findBroker, inspectBroker } from "../handler.ts";

/** What stands where messages of clients have a client id. */
const PUBLISHER_ID = "$api";

type Outgoing = CheckedInput<"publishMessages">["body"]["messages"][number];

function toInternal(message: Outgoing, skipsHooks: boolean): InternalPublish {
  const { topic, payload, payloadEncoding, qos, retain, properties } = message;
  return {
    topic,
    payload: Buffer.from(payload, payloadEncoding),
    qos,
    retain,
    properties: properties && toProperties(properties),
    skipsHooks,
  };
}

function toProperties({
  correlationData,
  userProperties = [],
  ...rest
}: NonNullable<Outgoing["properties"]>): InternalPublish["properties"] {
  const properties = {
    ...rest,
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData, "base64") }),
    ...(userProperties.length > 0 && { userProperties }),
  };
  // JSON has no undefined: what is not there has no key either.
  return properties as InternalPublish["properties"];
}

export const messageHandlers: Handlers<"publishMessages" | "explainMessage"> = {
  explainMessage: ({ params, query: { mid, client } }, dependencies) => {
    const { namespace, broker } = findBroker(dependencies, params);
    const explanation = inspectBroker(dependencies, params).explain(mid, client);
    if (explanation === undefined) throw new ApiFailure("message-not-known", `nothing is known of a message ${mid}`);
    const { events, ...outcome } = explanation;
    const source = { namespace: namespace.name, broker: broker.name };
    return { mid, client, ...outcome, events: events.map(({ event, atMs }) => publicEvent(event, atMs, source)) };
  },

  publishMessages: async ({ params, body: { messages, hook } }, dependencies) => {
    const outgoing = messages.map((message) => toInternal(message, !hook));
    const outcomes = await inspectBroker(dependencies, params).publish(PUBLISHER_ID, outgoing);
    return {
      accepted: outcomes.filter(({ reasonCode }) => reasonCode < 0x80).length,
      outcomes,
    };
  },
};
