import type { QoS } from "../codec/index.ts";
import type { Session } from "./session.ts";
import { SharedGroup } from "./shared.ts";
import type { Route, RouteEntry, Subscription } from "./subscription-tree.ts";

/** Who subscribed with one filter. Mostly that is one client, so there are maps for more only. */
export class Subscribers {
  #only: Subscription | undefined;
  #direct: Map<Session, Subscription> | undefined;
  #groups: Map<string, SharedGroup> | undefined;
  #route: Route | undefined;

  get isEmpty(): boolean {
    return this.#only === undefined && this.#direct === undefined && this.#groups === undefined;
  }

  /** The route of a topic that no other filter matches. Made anew with each change, and never changed. */
  get route(): Route {
    return (this.#route ??= {
      entries: this.direct().map((subscription) => routeEntry([subscription])),
      groups: this.groups(),
    });
  }

  direct(): Subscription[] {
    if (this.#direct !== undefined) return [...this.#direct.values()];
    return this.#only === undefined ? [] : [this.#only];
  }

  groups(): SharedGroup[] {
    return this.#groups === undefined ? [] : [...this.#groups.values()];
  }

  /** @returns true if the session had no subscription with this filter, or was no member of its group */
  add(subscription: Subscription): boolean {
    this.#route = undefined;
    const { session, shareName } = subscription;
    if (shareName !== undefined) return this.#groupOf(shareName).put(subscription);
    if (this.#direct !== undefined) {
      const { size } = this.#direct;
      this.#direct.set(session, subscription);
      return this.#direct.size > size;
    }
    const isNew = this.#only?.session !== session;
    if (this.#only !== undefined && isNew) {
      this.#direct = new Map([
        [this.#only.session, this.#only],
        [session, subscription],
      ]);
      this.#only = undefined;
    } else {
      this.#only = subscription;
    }
    return isNew;
  }

  /** @returns true if it was there */
  remove({ session, shareName }: Subscription): boolean {
    this.#route = undefined;
    if (shareName !== undefined) {
      const group = this.#groups?.get(shareName);
      const wasThere = group?.remove(session) ?? false;
      if (group?.isEmpty) this.#groups!.delete(shareName);
      if (this.#groups?.size === 0) this.#groups = undefined;
      return wasThere;
    }
    if (this.#direct === undefined) {
      if (this.#only?.session !== session) return false;
      this.#only = undefined;
      return true;
    }
    const wasThere = this.#direct.delete(session);
    if (this.#direct.size === 0) this.#direct = undefined;
    return wasThere;
  }

  #groupOf(shareName: string): SharedGroup {
    this.#groups ??= new Map();
    let group = this.#groups.get(shareName);
    if (group === undefined) {
      group = new SharedGroup();
      this.#groups.set(shareName, group);
    }
    return group;
  }
}

/** Folds the matching subscriptions of one session into one delivery. */
export function routeEntry(subscriptions: Subscription[]): RouteEntry {
  let qos: QoS = 0;
  let retainAsPublished = false;
  let noLocal = false;
  let identifiers: number[] | undefined;
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    retainAsPublished ||= subscription.retainAsPublished;
    noLocal ||= subscription.noLocal;
    if (subscription.identifier !== 0) (identifiers ??= []).push(subscription.identifier);
  }
  const { session } = subscriptions[0]!;
  return { session, qos, retainAsPublished, identifiers, withNoLocal: noLocal ? subscriptions : undefined };
}
