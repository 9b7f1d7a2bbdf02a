/** Who must get a message, and how. */
import type { QoS } from "../../../src/codec/index.ts";
import { matches } from "./matching.ts";
import { type Content, type Delivery, type ModelSession, type State, type Subscription, ascending } from "./state.ts";

interface Member {
  readonly session: ModelSession;
  readonly subscription: Subscription;
}

/** @returns true if a subscription matches */
export function route(state: State, content: Content): boolean {
  let hasMatch = false;
  const groups = new Map<string, Member[]>();
  for (const session of state.sessions.values()) {
    const matching = session.subscriptions.filter(({ filter }) => matches(filter, content.topic));
    if (matching.length > 0) hasMatch = true;
    const own = content.publisherId === session.clientId;
    // [MQTT-3.8.3-3]
    const direct = matching.filter(({ shareName, noLocal }) => shareName === undefined && !(own && noLocal));
    if (direct.length > 0) owe(session, deliveryOf(state, content, direct));
    for (const subscription of matching) {
      const { shareName, filter } = subscription;
      if (shareName === undefined) continue;
      const name = `${shareName} ${filter}`;
      groups.set(name, [...(groups.get(name) ?? []), { session, subscription }]);
    }
  }
  for (const members of groups.values()) oweOne(state, content, members);
  return hasMatch;
}

/** A session gets a message once, whatever number of its subscriptions match. [MQTT-3.3.4-2] [MQTT-3.3.4-3] */
function deliveryOf(state: State, content: Content, matching: Subscription[]): Delivery {
  const granted = Math.max(...matching.map(({ qos }) => qos));
  return {
    sequence: state.nextSequence(),
    content,
    qos: Math.min(granted, content.qos) as QoS, // [MQTT-3.8.4-8]
    // [MQTT-3.3.1-12] [MQTT-3.3.1-13]; where subscriptions disagree the standard has no rule, and ours is this.
    retain: content.retain && matching.some(({ retainAsPublished }) => retainAsPublished),
    identifiers: ascending(matching.map(({ identifier }) => identifier).filter((identifier) => identifier !== 0)),
    isRetained: false,
  };
}

/** QoS 0 is only for who is there. */
function owe(session: ModelSession, delivery: Delivery): void {
  if (delivery.qos > 0 || session.peer !== undefined) session.owed.push(delivery);
}

/**
 * §4.8.2: one of them gets it, and while somebody is there somebody who is there. Who is away gets nothing of QoS 0. Which
 * one is the broker's choice.
 */
function oweOne(state: State, content: Content, members: Member[]): void {
  const present = members.filter(({ session }) => session.peer !== undefined);
  const candidates = new Map<ModelSession, Delivery>();
  for (const { session, subscription } of present.length > 0 ? present : members) {
    const delivery = deliveryOf(state, content, [subscription]);
    if (delivery.qos > 0 || session.peer !== undefined) candidates.set(session, delivery);
  }
  if (candidates.size > 0) state.shared.push({ content, candidates, mayBeGone: false });
}
