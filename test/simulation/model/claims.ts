/** What the broker says it does not send: its reason must hold. */
import type { Broker, BrokerEvent, Message } from "../../../src/broker/index.ts";
import { PacketType, type Properties, encodedLength } from "../../../src/codec/index.ts";
import {
  type Delivery,
  type ModelSession,
  type Peer,
  type State,
  contentBytes,
  travellingProperties,
} from "./state.ts";

export function claimed(state: State, event: BrokerEvent, broker: Broker, now: number): void {
  if (event.type !== "drop" && event.type !== "expire") return;
  const session = event.clientId === undefined ? undefined : state.sessions.get(event.clientId);
  // A session that ends in the same input, perhaps to begin anew, is beyond checking.
  if (session === undefined || state.ended.has(session.clientId)) return;
  const { id, topic, payload } = event.message;
  const reason = event.type === "drop" ? event.reason : "expired";
  if (reason === "rejected-by-client") return;
  const holds = reasonHolds(state, session, reason, broker, now);
  const isTrueOf = (delivery: Delivery): boolean => delivery.content.id === id && holds(delivery);
  // What is sent again comes before what waits.
  const [resend] = reason === "packet-too-large" ? session.toResend : [];
  if (resend !== undefined && isTrueOf(resend.delivery)) {
    session.toResend = session.toResend.filter((other) => other !== resend);
    session.inflight = session.inflight.filter((other) => other !== resend);
    return;
  }
  const text = `${JSON.stringify(session.clientId)} does not get ${topic}=${payload.toString("latin1", 0, 40)}: ${reason}`;
  state.claims.push({ session, id, text, isNewest: reason === "queue-full", isTrueOf });
}

/** Looks at once at what the reason depends on, since it will be another by the end of the input. */
function reasonHolds(
  state: State,
  session: ModelSession,
  reason: string,
  broker: Broker,
  now: number,
): (delivery: Delivery) => boolean {
  const { peer } = session;
  switch (reason) {
    case "expired":
      return ({ content }) => content.expiresAtMs <= now;
    case "slow-consumer": {
      const isCongested = peer?.isCongested() === true;
      return ({ qos }) => qos === 0 && isCongested;
    }
    case "packet-too-large":
      return (delivery) => peer !== undefined && sizeOf(delivery, peer, now) > peer.maximumPacketSize;
    case "queue-full": {
      const waiting = [...broker.sessions.get(session.clientId)!.queue];
      const bytes = waiting.reduce((sum, { message }) => sum + contentBytes(canonical(message)), 0);
      const { queuedMessagesMax, queuedBytesMax } = state.limits;
      return ({ content }) => waiting.length >= queuedMessagesMax || bytes + contentBytes(content) > queuedBytesMax;
    }
    default:
      return () => false;
  }
}

const canonical = (message: Message) => ({ ...message, properties: travellingProperties(message.properties) });

function sizeOf({ content, qos, retain, identifiers }: Delivery, peer: Peer, now: number): number {
  const { correlationData, ...others } = JSON.parse(content.properties) as Record<string, unknown>;
  const properties = { ...others } as Properties;
  if (typeof correlationData === "string") properties.correlationData = Buffer.from(correlationData, "hex");
  if (identifiers.length > 0) properties.subscriptionIdentifiers = [...identifiers];
  if (content.expiresAtMs !== Infinity) {
    properties.messageExpiryInterval = Math.max(0, Math.ceil((content.expiresAtMs - now) / 1000));
  }
  const { topic, payload } = content;
  const packet = { topic, payload, qos, retain, dup: false, packetId: qos === 0 ? 0 : 1, properties };
  return encodedLength({ type: PacketType.PUBLISH, ...packet }, peer.connect.protocolVersion);
}
