import type { Session } from "./session.ts";
import type { Subscription } from "./subscription-tree.ts";

/** The members of one shared subscription (MQTT 5.0 §4.8.2): each message goes to one of them, in turn. */
export class SharedGroup {
  #members: Subscription[] = [];
  #next = 0;

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  some(matches: (member: Subscription) => boolean): boolean {
    return this.#members.some(matches);
  }

  /** @returns true if the session was no member before. */
  put(subscription: Subscription): boolean {
    const index = this.#members.findIndex((member) => member.session === subscription.session);
    if (index === -1) {
      this.#members.push(subscription);
      return true;
    }
    this.#members[index] = subscription;
    return false;
  }

  /** @returns true if the session was a member. */
  remove(session: Session): boolean {
    const index = this.#members.findIndex((member) => member.session === session);
    if (index === -1) return false;
    this.#members.splice(index, 1);
    if (this.#next > index) this.#next--;
    return true;
  }

  /**
   * The member that gets the next message: the next connected one, preferably one that takes it at once.
   * While none is connected, the next whose session waits for it, so that the message waits there.
   */
  pick(): Subscription | undefined {
    const count = this.#members.length;
    let busy = -1;
    let offline = -1;
    for (let step = 0; step < count; step++) {
      const index = (this.#next + step) % count;
      const { session, qos } = this.#members[index]!;
      if (session.connection === undefined) {
        if (offline === -1 && qos > 0) offline = index;
      } else if (session.isReady) {
        return this.#take(index);
      } else if (busy === -1) {
        busy = index;
      }
    }
    const index = busy === -1 ? offline : busy;
    return index === -1 ? undefined : this.#take(index);
  }

  #take(index: number): Subscription {
    this.#next = (index + 1) % this.#members.length;
    return this.#members[index]!;
  }
}
