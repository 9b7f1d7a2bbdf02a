import type { Connection } from "./connection.ts";
import type { Limits } from "./limits.ts";
import { messageBytes } from "./message.ts";
import type { HookReport, Message, PendingPublish, Verdict } from "./ports.ts";
import { Queue } from "./queue.ts";
import type { Session } from "./session.ts";

/** A message that was received and waits for the verdict of a hook before it is routed and acknowledged. */
export interface QueuedPublish extends PendingPublish {
  readonly message: Message;
  readonly session: Session;
  /** The connection to acknowledge on; undefined for a will. A QoS 2 message that is sent again moves here. */
  connection: Connection | undefined;
  /** 0 at QoS 0. */
  readonly packetId: number;
  verdict: Verdict | undefined;
  report: HookReport | undefined;
}

/**
 * One client's messages that wait for verdicts. Whatever order the verdicts come in, the messages leave in the order
 * in which they arrived. [MQTT-4.6.0-6]
 */
export class PublishQueue extends Queue<QueuedPublish> {
  #bytes = 0;

  has(messageId: number): boolean {
    for (const { message } of this) if (message.id === messageId) return true;
    return false;
  }

  /** True if it holds `factor` times what it may, in number or bytes. */
  isFull({ pendingPublishesMax, pendingBytesMax }: Limits, factor = 1): boolean {
    return this.length >= factor * pendingPublishesMax || this.#bytes > factor * pendingBytesMax;
  }

  /** True if there is so much room again that reading may go on. */
  isHalfEmpty({ pendingPublishesMax, pendingBytesMax }: Limits): boolean {
    return this.length <= pendingPublishesMax / 2 && this.#bytes <= pendingBytesMax / 2;
  }

  override push(publish: QueuedPublish): void {
    this.#bytes += messageBytes(publish.message);
    super.push(publish);
  }

  /** Takes the first message if its verdict has come. */
  shiftDecided(): QueuedPublish | undefined {
    if (this.peek()?.verdict === undefined) return undefined;
    return this.shift();
  }

  override shift(): QueuedPublish | undefined {
    const publish = super.shift();
    if (publish !== undefined) this.#bytes -= messageBytes(publish.message);
    return publish;
  }
}
