/** Recorded messages as the batches in which a hook is asked about them. */
import type { TestMessage } from "../../hook-testing/index.ts";
import type { RecordedMessage } from "../messages/recording.ts";

/** Client id of messages that name none. */
const CLIENT_ID = "hook-test";

/** Batches of so many, in the order of the recording. */
export async function* batchesOf(
  recording: AsyncIterable<RecordedMessage[]>,
  size: number,
): AsyncGenerator<RecordedMessage[]> {
  let batch: RecordedMessage[] = [];
  for await (const group of recording) {
    for (const message of group) {
      batch.push(message);
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** The batches that were recorded (`hook.batch`); messages without one go by size. */
export async function* recordedBatches(
  recording: AsyncIterable<RecordedMessage[]>,
  size: number,
): AsyncGenerator<RecordedMessage[]> {
  let batch: RecordedMessage[] = [];
  let current: unknown;
  for await (const group of recording) {
    for (const message of group) {
      const number = hookOf(message)?.["batch"];
      const isFull = number === undefined ? batch.length >= size : false;
      if (batch.length > 0 && (number !== current || isFull)) {
        yield batch;
        batch = [];
      }
      current = number;
      batch.push(message);
    }
  }
  if (batch.length > 0) yield batch;
}

/** What `record --hook` noted of the hook. */
export function hookOf({ source }: RecordedMessage): Readonly<Record<string, unknown>> | undefined {
  const { hook } = source;
  return typeof hook === "object" && hook !== null ? (hook as Record<string, unknown>) : undefined;
}

/** @param nowMs of messages whose time is unknown */
export function toTestMessage({ topic, payload, options, atMs, source }: RecordedMessage, nowMs: number): TestMessage {
  const { clientId, jti, offset } = source;
  return {
    ...{ topic, payload, ...options },
    receivedAtMs: offset === undefined && atMs !== undefined ? atMs : nowMs,
    clientId: typeof clientId === "string" ? clientId : CLIENT_ID,
    ...(typeof jti === "string" && { jti }),
  };
}
