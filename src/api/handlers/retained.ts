import type { Message } from "../../broker/ports.ts";
import type { RetainedMessage } from "../../contract/types.ts";
import { contentOf } from "../content.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, inspectBroker } from "../handler.ts";

/** Of each message in a list. */
const PREVIEW_BYTES_MAX = 256;

function publicMessage(message: Message, payloadBytesMax: number): RetainedMessage {
  const { topic, qos, publisherId, tokenId, receivedAtMs, expiresAtMs } = message;
  return {
    topic,
    qos,
    publisher: publisherId,
    ...(tokenId !== undefined && { jti: tokenId }),
    received_on: new Date(receivedAtMs).toISOString(),
    ...(expiresAtMs !== Infinity && { expires_on: new Date(expiresAtMs).toISOString() }),
    ...contentOf(message, payloadBytesMax),
  };
}

export const retainedHandlers: Handlers<"listRetained" | "getRetained" | "deleteRetained"> = {
  listRetained: ({ params, query: { topic, cursor, limit } }, dependencies) => {
    const { entries, next } = inspectBroker(dependencies, params).retained(topic, { after: cursor, limit });
    const messages = entries.map((message) => publicMessage(message, PREVIEW_BYTES_MAX));
    return { messages, ...(next !== undefined && { cursor: next }) };
  },

  getRetained: ({ params, query: { topic } }, dependencies) => {
    const message = inspectBroker(dependencies, params).retainedMessage(topic);
    if (message === undefined) throw new ApiFailure("retained-not-found", `no retained message on ${topic}`);
    return publicMessage(message, Infinity);
  },

  deleteRetained: async ({ params, query: { topic, limit } }, dependencies) => {
    const { deleted, hasMore } = await inspectBroker(dependencies, params).deleteRetained(topic, limit);
    return { deleted, more: hasMore };
  },
};
