/** Topics that are counted for one alias: those that come back get one, passers-by do not. */
const CANDIDATES_PER_ALIAS = 4;
/** After so many uses per alias all counts are halved, so that yesterday's favourites give way. */
const USES_PER_ALIAS_BEFORE_HALVING = 256;

interface Aliased {
  readonly alias: number;
  uses: number;
}

/**
 * The aliases that we set on a connection (MQTT 5.0 §3.3.2.3.4), for the topics that the client gets most: a topic gets
 * one when it comes for the second time; when all are taken, it takes the place of one that it has overtaken.
 */
export class OutboundTopicAliases {
  readonly #maximum: number;
  readonly #aliased = new Map<string, Aliased>();
  readonly #candidates = new Map<string, number>();
  #usesToHalving: number;

  /** @param maximum the client's Topic Alias Maximum, at least 1 [MQTT-3.1.2-26] [MQTT-3.1.2-27] */
  constructor(maximum: number) {
    this.#maximum = maximum;
    this.#usesToHalving = maximum * USES_PER_ALIAS_BEFORE_HALVING;
  }

  /**
   * The alias for a message that is about to be sent.
   * @returns 0 for none; an alias that stands for the topic; or, below 0, one that is to be set with the topic
   */
  use(topic: string): number {
    if (--this.#usesToHalving === 0) this.#halve();
    const aliased = this.#aliased.get(topic);
    if (aliased !== undefined) {
      aliased.uses++;
      return aliased.alias;
    }
    const uses = (this.#candidates.get(topic) ?? 0) + 1;
    if (uses > 1) {
      const alias = this.#aliased.size < this.#maximum ? this.#aliased.size + 1 : this.#takeFromRarer(uses);
      if (alias !== 0) {
        this.#candidates.delete(topic);
        this.#aliased.set(topic, { alias, uses });
        return -alias;
      }
    }
    this.#count(topic, uses);
    return 0;
  }

  /** @returns the alias of the topic that is used least, if that is less than `uses`; otherwise 0 */
  #takeFromRarer(uses: number): number {
    let rarest: string | undefined;
    let fewest = uses;
    for (const [topic, aliased] of this.#aliased) {
      if (aliased.uses >= fewest) continue;
      rarest = topic;
      fewest = aliased.uses;
    }
    if (rarest === undefined) return 0;
    const { alias } = this.#aliased.get(rarest)!;
    this.#aliased.delete(rarest);
    return alias;
  }

  #count(topic: string, uses: number): void {
    // Counting afresh at the end keeps the oldest in front, to make room there.
    this.#candidates.delete(topic);
    this.#candidates.set(topic, uses);
    if (this.#candidates.size <= this.#maximum * CANDIDATES_PER_ALIAS) return;
    const [oldest] = this.#candidates.keys();
    this.#candidates.delete(oldest!);
  }

  #halve(): void {
    this.#usesToHalving = this.#maximum * USES_PER_ALIAS_BEFORE_HALVING;
    for (const aliased of this.#aliased.values()) aliased.uses >>= 1;
    for (const [topic, uses] of this.#candidates) this.#candidates.set(topic, uses >> 1);
  }
}
