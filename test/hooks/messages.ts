/** Messages for tests. */
import type { Message, PendingPublish } from "../../src/broker/ports.ts";

let ids = 0;

export function message(fields: Partial<Message> = {}): Message {
  return {
    id: ++ids,
    topic: "a/b",
    payload: Buffer.from("x"),
    qos: 0,
    retain: false,
    properties: undefined,
    publisherId: "p1",
    tokenId: undefined,
    receivedAtMs: 1_700_000_000_999,
    expiresAtMs: Infinity,
    ...fields,
  };
}

export function pending(publisherId: string, fields: Partial<Message> = {}): PendingPublish {
  return { message: message({ publisherId, ...fields }) };
}
