import type { Connection } from "./connection.ts";
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
export class PublishQueue {
  readonly #waiting = new Queue<QueuedPublish>();

  get length(): number {
    return this.#waiting.length;
  }

  push(publish: QueuedPublish): void {
    this.#waiting.push(publish);
  }

  /** Takes the first message if its verdict has come. */
  shiftDecided(): QueuedPublish | undefined {
    return this.#waiting.peek()?.verdict === undefined ? undefined : this.#waiting.shift();
  }
}
