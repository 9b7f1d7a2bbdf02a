/**
 * Where each record that lives is: id → segment, offset and length, in typed arrays, because there may be millions. A hash
 * table with linear probing, cut into shards that grow one at a time, so that no insertion takes long.
 */
const SHARDS = 64;
const SHARD_BITS = 6;
const CAPACITY_MIN = 16;
const BLOCK = 8;

export class RecordIndex {
  readonly #shards = Array.from({ length: SHARDS }, () => new Shard());
  #count = 0;

  /** Of the record that `find` found last. */
  segment = 0;
  offset = 0;
  length = 0;

  /** Records that are in it. */
  get count(): number {
    return this.#count;
  }

  /** @returns false if it is not there; otherwise `segment`, `offset` and `length` tell where the record is */
  find(id: number): boolean {
    const hash = hashOf(id);
    const shard = this.#shards[hash >>> (32 - SHARD_BITS)]!;
    const slot = shard.slotOf(id, hash);
    if (shard.ids[slot] !== id) return false;
    this.segment = shard.segments[slot]!;
    this.offset = shard.offsets[slot]!;
    this.length = shard.lengths[slot]!;
    return true;
  }

  set(id: number, segment: number, offset: number, length: number): void {
    const hash = hashOf(id);
    if (this.#shards[hash >>> (32 - SHARD_BITS)]!.set(id, hash, segment, offset, length)) this.#count++;
  }

  delete(id: number): void {
    const hash = hashOf(id);
    if (this.#shards[hash >>> (32 - SHARD_BITS)]!.delete(id, hash)) this.#count--;
  }
}

/**
 * 32 bits, of which the lowest say where in its block an id is. Ids follow each other, and those that are looked up together were
 * mostly given together: a block is what the processor reads at once. Blocks are far apart (Fibonacci hashing).
 */
function hashOf(id: number): number {
  const block = Math.floor(id / BLOCK);
  return ((Math.imul(block ^ Math.floor(block / 2 ** 32), 0x9e37_79b1) & -BLOCK) | (id % BLOCK)) >>> 0;
}

class Shard {
  /** 0 where a slot is empty: no id is 0. */
  ids = new Float64Array(CAPACITY_MIN);
  segments = new Uint32Array(CAPACITY_MIN);
  offsets = new Uint32Array(CAPACITY_MIN);
  lengths = new Uint32Array(CAPACITY_MIN);
  #mask = CAPACITY_MIN - 1;
  #count = 0;

  /** The id's slot, or the empty one where it would be. */
  slotOf(id: number, hash: number): number {
    // The highest bits chose the shard.
    let slot = this.#home(hash);
    while (this.ids[slot] !== id && this.ids[slot] !== 0) slot = (slot + 1) & this.#mask;
    return slot;
  }

  /** @returns true if the id is new */
  set(id: number, hash: number, segment: number, offset: number, length: number): boolean {
    let slot = this.slotOf(id, hash);
    const isNew = this.ids[slot] === 0;
    if (isNew) {
      if (++this.#count * 4 > this.ids.length * 3) {
        this.#resize(this.ids.length * 2);
        slot = this.slotOf(id, hash);
      }
      this.ids[slot] = id;
    }
    this.segments[slot] = segment;
    this.offsets[slot] = offset;
    this.lengths[slot] = length;
    return isNew;
  }

  /** @returns true if it was there */
  delete(id: number, hash: number): boolean {
    const slot = this.slotOf(id, hash);
    if (this.ids[slot] === 0) return false;
    this.#close(slot);
    if (--this.#count * 8 < this.ids.length && this.ids.length > CAPACITY_MIN) this.#resize(this.ids.length / 2);
    return true;
  }

  #home(hash: number): number {
    const block = Math.imul(hash & -BLOCK, 0x85eb_ca6b) >>> 7;
    return ((block & -BLOCK) | (hash & (BLOCK - 1))) & this.#mask;
  }

  /** Moves those that follow, so that none is cut off from its home by the gap. */
  #close(gap: number): void {
    const mask = this.#mask;
    for (let slot = (gap + 1) & mask; this.ids[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#home(hashOf(this.ids[slot]!));
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.#move(this, slot, gap);
      gap = slot;
    }
    this.ids[gap] = 0;
  }

  #move(from: Pick<Shard, "ids" | "segments" | "offsets" | "lengths">, slot: number, target: number): void {
    this.ids[target] = from.ids[slot]!;
    this.segments[target] = from.segments[slot]!;
    this.offsets[target] = from.offsets[slot]!;
    this.lengths[target] = from.lengths[slot]!;
  }

  #resize(capacity: number): void {
    const { ids, segments, offsets, lengths } = this;
    this.ids = new Float64Array(capacity);
    this.segments = new Uint32Array(capacity);
    this.offsets = new Uint32Array(capacity);
    this.lengths = new Uint32Array(capacity);
    this.#mask = capacity - 1;
    for (let slot = 0; slot < ids.length; slot++) {
      const id = ids[slot]!;
      if (id !== 0) this.#move({ ids, segments, offsets, lengths }, slot, this.slotOf(id, hashOf(id)));
    }
  }
}
