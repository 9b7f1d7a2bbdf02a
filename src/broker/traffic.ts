import type { DropReason } from "./ports.ts";

/** What has come and gone since the broker began to run. Counted whether or not anybody watches. */
export class Traffic {
  /** Messages that were taken over: of clients, wills, and of publishers within the server. */
  messagesReceived = 0;
  /** PUBLISH packets to subscribers, those that were sent again too. */
  messagesSent = 0;
  /** Messages that expired before they were published, and deliveries that did. */
  expired = 0;
  /** Messages or deliveries that the broker dropped. */
  readonly dropped = new Map<DropReason, number>();

  countDrop(reason: DropReason): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }
}
