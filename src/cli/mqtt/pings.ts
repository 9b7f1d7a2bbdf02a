/** PINGREQ and its answers: proof that the broker has read what came before, and that it is still there. */
import { PacketType } from "../../codec/index.ts";
import type { Outbox } from "./outbox.ts";

export class Pings {
  readonly #outbox: Outbox;
  /** Whom to tell of each answer, in the order of the pings. */
  readonly #waiting: (() => void)[] = [];
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  send(onAnswer: () => void): void {
    this.#waiting.push(onAnswer);
    this.#outbox.send({ type: PacketType.PINGREQ });
  }

  /** PINGRESP. */
  answered(): void {
    this.#waiting.shift()?.();
  }

  /**
   * [MQTT-3.1.2-22]; where nothing comes back any more, the connection is lost without a word.
   * @param keepAliveSeconds 0 for none
   * @param isBusy whether what the broker sends is not being read: an answer may be there already
   */
  start(keepAliveSeconds: number, isBusy: () => boolean, onSilence: () => void): void {
    if (keepAliveSeconds === 0) return;
    let isUnanswered = false;
    const check = () => {
      if (isBusy()) return;
      if (isUnanswered) {
        onSilence();
        return;
      }
      isUnanswered = true;
      this.send(() => {
        isUnanswered = false;
      });
    };
    this.#keepAlive = setInterval(check, (keepAliveSeconds * 1000) / 2);
  }

  stop(): void {
    clearInterval(this.#keepAlive);
  }
}
