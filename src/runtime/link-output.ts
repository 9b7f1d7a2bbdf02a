import type { Runtime, Stream } from "./runtime.ts";
import { COPIED_FRAME_BYTES_MAX } from "./slab.ts";

/** Bytes that wait for the end of the turn outside the slab. */
const PARTS_BYTES_MAX = 128 * 1024;

/** What waits for the network keeps the whole buffer that it is in: a part this many times smaller is copied. */
const KEPT_RATIO_MAX = 4;

/** Bytes on their way out, and the slab or the run of frames that they are a part of. */
interface Part {
  readonly bytes: Buffer;
  readonly slab: Buffer | undefined;
  readonly run: Buffer | undefined;
}

/** Packet identifiers and parts where there have never been any, or are none. Nothing is put there. */
const NONE: never[] = [];

/** What a turn sends to one connection: put together, in order, so that it leaves with few system calls. */
export class LinkOutput {
  readonly #runtime: Pick<Runtime, "frames" | "network" | "slabs">;
  readonly #stream: Stream;
  /** Behind the last byte in the slab. Whoever has called `reserve` writes there, and moves it. */
  end = 0;
  /** Where this turn's writes are put together. */
  #slab: Buffer | undefined;
  /**
   * Frames that come behind those in the slab: `#run[#runStart, #runEnd)`. They stay where they were encoded or received
   * as long as each lies behind the one before it.
   */
  #run: Buffer | undefined;
  #runStart = 0;
  #runEnd = 0;
  /** Packet identifiers of these frames, each behind its index in `#run`. */
  #packetIds: number[] = NONE;
  /** What leaves before the slab. */
  #parts: Part[] = NONE;
  #partsBytes = 0;
  /** At least as many as wait in the stream. */
  #unsentBytesAtMost = 0;

  constructor(runtime: Pick<Runtime, "frames" | "network" | "slabs">, stream: Stream) {
    this.#runtime = runtime;
    this.#stream = stream;
  }

  /** True if more bytes than that wait, here and in the stream. */
  hasMoreThan(bytesMax: number): boolean {
    const collected = this.#partsBytes + this.end + this.#runEnd - this.#runStart;
    if (this.#unsentBytesAtMost + collected <= bytesMax) return false;
    this.#unsentBytesAtMost = this.#stream.unsentBytes;
    return this.#unsentBytesAtMost + collected > bytesMax;
  }

  /** @returns the slab with room for `bytes` more at `end`, behind everything that was sent before */
  reserve(bytes: number): Buffer {
    this.#endRun();
    return this.#makeRoom(bytes);
  }

  /** Sends `bytes[start, end)`, which nobody changes any more. */
  addToRun(bytes: Buffer, start: number, end: number): void {
    if (bytes !== this.#run || start !== this.#runEnd) {
      this.#endRun();
      this.#run = bytes;
      this.#runStart = start;
    }
    this.#runEnd = end;
  }

  /** @param at index of the packet identifier in the bytes of the frame that was added last */
  addPacketId(at: number, packetId: number): void {
    if (this.#packetIds === NONE) this.#packetIds = [];
    this.#packetIds.push(at, packetId);
  }

  /** A large frame is shared by all subscribers, but for its head with the packet identifier. */
  writeSharedFrame(bytes: Buffer, start: number, end: number, packetIdAt: number, packetId: number): void {
    const head = Buffer.from(bytes.subarray(start, packetIdAt + 2));
    head.writeUInt16BE(packetId, packetIdAt - start);
    this.writeLarge(head);
    this.writeLarge(bytes.subarray(packetIdAt + 2, end));
  }

  /** Writes bytes behind everything that was sent before. */
  writeLarge(bytes: Buffer): void {
    this.#endRun();
    this.#writeSlab();
    this.#write(bytes, undefined, undefined);
  }

  /** Writes what the turn has put together. */
  flush(): void {
    const run = this.#run;
    if (run !== undefined && this.end === 0 && this.#mayLeave(run)) {
      const bytes = run.subarray(this.#runStart, this.#runEnd);
      this.#forgetRun();
      this.#writeLast(bytes, undefined, run);
      return;
    }
    this.#endRun();
    const slab = this.#slab;
    if (slab === undefined || this.end === 0) {
      this.#writeParts();
      return;
    }
    const bytes = this.#takeSlab(slab);
    this.#writeLast(bytes, slab, undefined);
  }

  /** The connection is lost, and what waits for it. */
  forget(): void {
    if (this.#slab !== undefined) this.#runtime.slabs.release(this.#slab);
    this.#slab = undefined;
    this.end = 0;
    this.#forgetRun();
    this.#parts = NONE;
    this.#partsBytes = 0;
  }

  #writeSlab(): void {
    const slab = this.#slab;
    if (slab === undefined || this.end === 0) return;
    this.#write(this.#takeSlab(slab), slab, undefined);
  }

  /** @returns the bytes in the slab, which is no longer ours to write to */
  #takeSlab(slab: Buffer): Buffer {
    const bytes = slab.subarray(0, this.end);
    this.#slab = undefined;
    this.end = 0;
    return bytes;
  }

  /** True if the run may be written from where it is; otherwise it has to be copied. */
  #mayLeave(run: Buffer): boolean {
    if (this.#packetIds.length > 0) return false;
    return (this.#runEnd - this.#runStart) * KEPT_RATIO_MAX >= run.buffer.byteLength;
  }

  /** @returns false where it has to be copied instead */
  #writeRun(run: Buffer): boolean {
    if (!this.#mayLeave(run)) return false;
    const bytes = run.subarray(this.#runStart, this.#runEnd);
    this.#forgetRun();
    this.#writeSlab();
    this.#write(bytes, undefined, run);
    return true;
  }

  /** Moves the run into the slab; a long one is written. */
  #endRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    const start = this.#runStart;
    const length = this.#runEnd - start;
    if (length > COPIED_FRAME_BYTES_MAX) {
      if (this.#writeRun(run)) return;
      const copy = Buffer.from(run.subarray(start, start + length));
      this.#writePacketIds(copy, -start);
      this.#forgetRun();
      this.writeLarge(copy);
    } else {
      const slab = this.#makeRoom(length);
      slab.set(run.subarray(start, start + length), this.end);
      this.#writePacketIds(slab, this.end - start);
      this.end += length;
      this.#forgetRun();
    }
  }

  /** @param shift from an index in the run to the one in `target` */
  #writePacketIds(target: Buffer, shift: number): void {
    const ids = this.#packetIds;
    for (let i = 0; i < ids.length; i += 2) {
      const at = ids[i]! + shift;
      target[at] = ids[i + 1]! >> 8;
      target[at + 1] = ids[i + 1]! & 0xff;
    }
  }

  #forgetRun(): void {
    this.#run = undefined;
    this.#runStart = 0;
    this.#runEnd = 0;
    if (this.#packetIds.length > 0) this.#packetIds.length = 0;
  }

  #makeRoom(bytes: number): Buffer {
    const { slabs } = this.#runtime;
    const slab = this.#slab;
    if (slab === undefined) return (this.#slab = slabs.acquire(bytes));
    if (this.end + bytes <= slab.length) return slab;
    if (slabs.isLargest(slab)) {
      this.#writeSlab();
      return (this.#slab = slabs.acquireLargest());
    }
    const larger = slabs.acquireLargest();
    slab.copy(larger, 0, 0, this.end);
    this.#runtime.slabs.release(slab);
    return (this.#slab = larger);
  }

  /** Leaves them to the end of the turn, unless there is much already: then they go with a single system call. */
  #write(bytes: Buffer, slab: Buffer | undefined, run: Buffer | undefined): void {
    if (this.#parts === NONE) this.#parts = [];
    this.#parts.push({ bytes, slab, run });
    this.#partsBytes += bytes.length;
    if (this.#partsBytes >= PARTS_BYTES_MAX) this.#writeParts();
  }

  /** The same for what a turn ends with: mostly it is all there is. */
  #writeLast(bytes: Buffer, slab: Buffer | undefined, run: Buffer | undefined): void {
    if (this.#parts.length > 0) {
      this.#write(bytes, slab, run);
      this.#writeParts();
      return;
    }
    this.#runtime.network.bytesSent += bytes.length;
    const hasLeft = this.#stream.write(bytes);
    this.#unsentBytesAtMost = hasLeft ? 0 : this.#stream.unsentBytes;
    this.#settle(hasLeft, slab, run);
  }

  #writeParts(): void {
    const parts = this.#parts;
    if (parts.length === 0) return;
    const stream = this.#stream;
    this.#runtime.network.bytesSent += this.#partsBytes;
    const hasLeft =
      parts.length === 1 ? stream.write(parts[0]!.bytes) : stream.writeAll(parts.map(({ bytes }) => bytes));
    this.#unsentBytesAtMost = hasLeft ? 0 : stream.unsentBytes;
    for (const { slab, run } of parts) this.#settle(hasLeft, slab, run);
    this.#parts = NONE;
    this.#partsBytes = 0;
  }

  /** @param hasLeft what was written of this slab or run has left, and does not wait for the network */
  #settle(hasLeft: boolean, slab: Buffer | undefined, run: Buffer | undefined): void {
    if (hasLeft && slab !== undefined) this.#runtime.slabs.release(slab);
    if (!hasLeft && run !== undefined) this.#runtime.frames.keep(run);
  }
}
