/** From what happens in a broker to its public JSON (contract/events.ts). */
import type { BrokerEvent, Message } from "../broker/ports.ts";
import type { TailEvent, TailEventOf } from "../contract/types.ts";
import { contentOf } from "./content.ts";
import { PAYLOAD_BYTES_MAX, verdictNames } from "./event-filter.ts";

/** Names of the broker that events are from. */
export interface EventSource {
  readonly namespace: string;
  readonly broker: string;
}

/**
 * @param nowMs UNIX milliseconds
 * @param payloadBytesMax how much of a payload is given
 */
export function publicEvent(
  event: BrokerEvent,
  nowMs: number,
  source: EventSource,
  payloadBytesMax = PAYLOAD_BYTES_MAX,
): TailEvent {
  // `event` stands here for its place only: each kind sets its own.
  const common = { v: 1, event: event.type, time: new Date(nowMs).toISOString(), ...source } as const;
  switch (event.type) {
    case "connect": {
      const { type, clientId, protocolVersion, cleanStart, sessionPresent, keepAlive, tokenId } = event;
      const jti = tokenId === undefined ? {} : { jti: tokenId };
      return { ...common, event: type, clientId, protocolVersion, cleanStart, sessionPresent, keepAlive, ...jti };
    }
    case "refuse": {
      const { type, clientId, reasonCode, reason } = event;
      return { ...common, event: type, clientId, reasonCode, reason };
    }
    case "disconnect": {
      const { type, clientId, reasonCode, reason, by } = event;
      return { ...common, event: type, clientId, reasonCode, reason, by };
    }
    case "subscribe":
    case "unsubscribe": {
      const { type, clientId, topicFilter, reasonCode } = event;
      return { ...common, event: type, clientId, topicFilter, reasonCode };
    }
    case "publish": {
      const { id: mid, publisherId: clientId, tokenId, topic, qos, retain } = event.message;
      const jti = tokenId === undefined ? {} : { jti: tokenId };
      return {
        ...common,
        event: "publish",
        mid,
        clientId,
        ...jti,
        topic,
        qos,
        retain,
        ...contentOf(event.message, payloadBytesMax),
      };
    }
    case "hook":
      return { ...common, ...hookFields(event, payloadBytesMax) };
    case "deliver":
      return {
        ...common,
        event: "deliver",
        ...deliveryFields(event.message),
        clientId: event.clientId,
        qos: event.qos,
      };
    case "drop": {
      const { message, clientId, reason } = event;
      return {
        ...common,
        event: "drop",
        ...deliveryFields(message),
        ...(clientId !== undefined && { clientId }),
        reason,
      };
    }
    case "hook-circuit": {
      const { type, state, reason } = event;
      return { ...common, event: type, state, reason };
    }
    case "expire": {
      const { message, clientId } = event;
      return { ...common, event: "expire", ...deliveryFields(message), ...(clientId !== undefined && { clientId }) };
    }
  }
}

function deliveryFields({ id, publisherId, topic }: Message): { mid: number; publisher: string; topic: string } {
  return { mid: id, publisher: publisherId, topic };
}

function hookFields(
  { message, verdict, report }: Extract<BrokerEvent, { type: "hook" }>,
  payloadBytesMax: number,
): Omit<TailEventOf<"hook">, "v" | "time" | keyof EventSource> {
  const fields = {
    event: "hook",
    mid: message.id,
    clientId: message.publisherId,
    topic: message.topic,
    verdict: verdictNames[verdict.kind],
    ms: report.elapsedMs,
    ...(report.status !== undefined && { status: report.status }),
    ...(report.attempts !== undefined && { attempts: report.attempts }),
    batch: report.batchSize,
    ...(report.console !== undefined && { console: [...report.console] }),
    ...(report.batchId !== undefined && { batchId: report.batchId }),
  } as const;
  switch (verdict.kind) {
    case "accept":
      return { ...fields, ...verdict.failure };
    case "replace":
      return { ...fields, before: contentOf(message, payloadBytesMax), after: contentOf(verdict, payloadBytesMax) };
    case "drop":
    case "reject": {
      const { reason, detail } = verdict;
      const code = verdict.kind === "reject" ? { reasonCode: verdict.reasonCode } : {};
      return { ...fields, reason, ...code, ...(detail !== undefined && { detail }) };
    }
  }
}
