import type { CheckedInput } from "../../contract/types.ts";
import type { InternalPublish } from "../../broker/ports.ts";
import { type Handlers, inspectBroker } from "../handler.ts";

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

export const messageHandlers: Handlers<"publishMessages"> = {
  publishMessages: async ({ params, body: { messages, hook } }, dependencies) => {
    const outgoing = messages.map((message) => toInternal(message, !hook));
    const outcomes = await inspectBroker(dependencies, params).publish(PUBLISHER_ID, outgoing);
    return {
      accepted: outcomes.filter(({ reasonCode }) => reasonCode < 0x80).length,
      outcomes,
    };
  },
};
