/** The way of a message from its publisher to its routing: hooks, retaining, acknowledgement. */
import type { Verdict } from "../../../src/broker/index.ts";
import { PacketType, ReasonCode } from "../../../src/codec/index.ts";
import { route } from "./routing.ts";
import {
  type Content,
  type ModelSession,
  type Publication,
  type State,
  contentBytes,
  travellingProperties,
} from "./state.ts";

/** A message or a will arrived. */
export function accept(state: State, session: ModelSession, publication: Publication, now: number): void {
  const { content, peer, packetId } = publication;
  state.unnamed.push(content);
  if (!state.hasHooks && session.publishing.length === 0) {
    if (peer !== undefined && content.qos === 2) session.receivedQos2.set(packetId, undefined);
    complete(state, session, publication, content, now);
    return;
  }
  // Too many wills behind a hook that does not answer are dropped.
  if (peer === undefined && session.publishing.length >= 2 * state.limits.pendingPublishesMax) return;
  session.publishing.push(publication);
  if (peer !== undefined && content.qos === 1) peer.unacknowledged.add(packetId);
  if (peer !== undefined && content.qos === 2) session.receivedQos2.set(packetId, publication);
  if (state.hasHooks) state.toSubmit.push(publication);
  else publication.verdict = { kind: "accept" };
}

/** A hook has decided; only the first verdict counts. Messages leave in the order in which they came. [MQTT-4.6.0-6] */
export function decide(state: State, publication: Publication, verdict: Verdict, now: number): void {
  if (publication.verdict !== undefined) return;
  publication.verdict = verdict;
  const session = publication.content.publisher;
  while (session.publishing[0]?.verdict !== undefined) finish(state, session, session.publishing.shift()!, now);
}

function finish(state: State, session: ModelSession, publication: Publication, now: number): void {
  const { content, peer, packetId } = publication;
  const verdict = publication.verdict!;
  if (content.qos === 2 && peer !== undefined) session.receivedQos2.set(packetId, undefined);
  switch (verdict.kind) {
    case "accept":
      complete(state, session, publication, content, now);
      return;
    case "replace": {
      const properties = travellingProperties(verdict.properties);
      const replaced = { ...content, payload: verdict.payload, properties };
      complete(state, session, publication, replaced, now);
      return;
    }
    case "drop":
      acknowledge(session, publication, [ReasonCode.Success]);
      return;
    case "reject":
      acknowledge(session, publication, [verdict.reasonCode]);
  }
}

function complete(state: State, session: ModelSession, publication: Publication, content: Content, now: number): void {
  if (content.expiresAtMs <= now) {
    acknowledge(session, publication, [ReasonCode.Success]);
    return;
  }
  // [MQTT-3.3.1-5] [MQTT-3.3.1-6]; what there is no room for is routed, and what is kept stays.
  if (content.retain && content.payload.length === 0) state.retained.delete(content.topic);
  else if (content.retain && hasRoomFor(state, content)) {
    state.retained.delete(content.topic);
    state.retained.set(content.topic, content);
  }
  const hasMatch = route(state, content);
  // §3.4.2.1: the code that says that nobody has subscribed is the server's choice.
  acknowledge(
    session,
    publication,
    hasMatch ? [ReasonCode.Success] : [ReasonCode.Success, ReasonCode.NoMatchingSubscribers],
  );
}

/** PUBACK or PUBREC is due. A failure ends the exchange, where the client can be told. */
export function acknowledge(session: ModelSession, publication: Publication, codes: readonly number[]): void {
  const { content, peer, packetId } = publication;
  if (content.qos === 0 || peer === undefined) return;
  const hasFailed = codes[0]! >= 0x80 && peer.isV5;
  if (content.qos === 1 || hasFailed) peer.unacknowledged.delete(packetId);
  if (content.qos === 2 && hasFailed) session.receivedQos2.delete(packetId);
  if (peer.state !== "open") return;
  const type = content.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
  peer.expected.push({ type, packetId, codes: peer.isV5 ? codes : [0] });
}

/** True if one more retained message is within the limits. */
export function hasRoomFor(state: State, content: Pick<Content, "topic" | "payload" | "properties">): boolean {
  const { retainedMessagesMax, retainedBytesMax } = state.limits;
  const others = [...state.retained.values()].filter(({ topic }) => topic !== content.topic);
  const bytes = others.reduce((sum, other) => sum + contentBytes(other), contentBytes(content));
  return (others.length < retainedMessagesMax || state.retained.has(content.topic)) && bytes <= retainedBytesMax;
}
