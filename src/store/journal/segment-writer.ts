/** Writes frames to the files of segments. */
import type { JournalFile, JournalFolder } from "./files.ts";
import { writeWhole } from "./files.ts";
import { VERSION, encodeSegmentHeader, segmentFileName } from "./format.ts";
import type { Segment } from "./inventory.ts";
import { type Space, isOutOfRoom } from "./space.ts";

export interface Frame {
  readonly bytes: Buffer;
  readonly segment: Segment;
  /** Where it goes in the segment. */
  readonly offset: number;
  /** See `SegmentHeader`. */
  readonly nextId: number;
  readonly sequence: number;
  /** The journal's position after it. */
  readonly position: number;
}

/** After it nobody knows what is on the disk: what failed to be synced may be forgotten by the system, and the next sync succeed. */
export class SyncError extends Error {
  override readonly name = "SyncError";
}

export class SegmentWriter {
  readonly #folder: JournalFolder;
  readonly #space: Space;
  #segment: Segment | undefined;
  #file: JournalFile | undefined;
  #syncing: Promise<void> | undefined;
  #sequence = 0;

  constructor(folder: JournalFolder, space: Space) {
    this.#folder = folder;
    this.#space = space;
  }

  /** Of the last frame that was written; 0 if there was none. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * Goes on with a segment that is there.
   * @throws {SyncError}
   */
  async open(segment: Segment): Promise<void> {
    this.#file = await this.#folder.open(segmentFileName(segment.number));
    this.#segment = segment;
    // Clients will be told of what was read. A process that was killed may have synced neither the end nor the name.
    await this.#sync(this.#file);
    await this.#sync(this.#folder);
  }

  /** Writes a frame, and waits while there is no room for it. */
  async write(frame: Frame): Promise<void> {
    await this.#space.begin();
    for (;;) {
      try {
        const file = await this.#fileFor(frame);
        await writeWhole(file, frame.bytes, frame.offset);
        this.#sequence = frame.sequence;
        this.#space.found();
        return;
      } catch (error) {
        if (!isOutOfRoom(error)) throw error;
        // A part of it may be there, and takes room. If this fails, the next attempt writes over it.
        if (this.#segment === frame.segment) await this.#file?.truncate(frame.offset).catch(() => {});
        await this.#space.makeRoom(error);
      }
    }
  }

  /**
   * Everything that was written before it survives a power cut afterwards. Further writes may come meanwhile.
   * @throws {SyncError}
   */
  async sync(): Promise<void> {
    const syncing = this.#sync(this.#file);
    this.#syncing = syncing;
    await syncing;
  }

  async close(): Promise<void> {
    await this.#syncing?.catch(() => {});
    await this.#file?.close();
    this.#file = undefined;
  }

  async #sync(what: { sync(): Promise<void> } | undefined): Promise<void> {
    try {
      await what?.sync();
    } catch (error) {
      throw new SyncError(`the disk did not keep what was written: ${(error as Error).message}`, { cause: error });
    }
  }

  async #fileFor({ segment, nextId }: Frame): Promise<JournalFile> {
    if (this.#segment === segment && this.#file !== undefined) return this.#file;
    // A segment is complete on the disk before the next one exists: only the last one can be torn.
    await this.#sync(this.#file);
    await this.close();
    const { number, salt, firstSequence } = segment;
    const file = await this.#folder.create(segmentFileName(number));
    try {
      await writeWhole(file, encodeSegmentHeader({ version: VERSION, number, salt, firstSequence, nextId }), 0);
      await this.#sync(file);
      await this.#sync(this.#folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#segment = segment;
    this.#file = file;
    return file;
  }
}
