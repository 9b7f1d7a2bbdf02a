import type { Message } from "../../src/broker/ports.ts";
import { START_MS } from "./harness.ts";

/** A message of the client `sensor` to `a/b`. */
export function message(changes: Partial<Message> = {}): Message {
  return {
    id: 7,
    topic: "a/b",
    payload: Buffer.from("hello"),
    qos: 1,
    retain: false,
    properties: undefined,
    publisherId: "sensor",
    tokenId: "jti",
    receivedAtMs: START_MS,
    expiresAtMs: Infinity,
    ...changes,
  };
}
