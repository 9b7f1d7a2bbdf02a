/** Reads all segments of a journal in order, and finds where they are not as they were written. */
import { UserError } from "../../errors.ts";
import { ByteReader } from "./bytes.ts";
import { EntryReader, type EntryVisitor, UnknownEntryError } from "./entries.ts";
import { type JournalFolder, readWhole } from "./files.ts";
import {
  type FrameHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  VERSION,
  decodeSegmentHeader,
  findFrame,
  frameAt,
  segmentFileName,
  segmentNumber,
} from "./format.ts";

/** Where a journal is not as it was written. */
export interface Damage {
  /** Name of the segment's file. */
  readonly file: string;
  /** Everything before is as it was written. */
  readonly offset: number;
  readonly reason: string;
}

export interface ScannedSegment {
  readonly header: SegmentHeader;
  /** Up to here its frames are whole. */
  readonly end: number;
}

export interface ScanResult {
  /** By growing number, up to the damage. */
  readonly segments: readonly ScannedSegment[];
  /** Sequence of the last frame; 0 where there is none. */
  readonly sequence: number;
  readonly frames: number;
  /** The last write did not arrive, or not as a whole: this many bytes of the last segment are to be cut off. */
  readonly tornBytes: number;
  /** A file that was being made when the process ended: it has nothing yet. */
  readonly unfinished: string | undefined;
  readonly damage: Damage | undefined;
}

export interface ScanVisitor extends EntryVisitor {
  /** The entries that follow are in this segment. */
  segment(header: SegmentHeader, bytes: Buffer): void;
}

/** The names of a folder's segments, by growing number. */
export async function listSegments(folder: JournalFolder): Promise<string[]> {
  const names = (await folder.list()).filter((name) => segmentNumber(name) !== undefined);
  return names.sort((a, b) => segmentNumber(a)! - segmentNumber(b)!);
}

/**
 * Tells the visitor of every segment and entry before the first damage.
 * @throws {UserError} `journal-too-new`: written by a newer version
 */
export async function scan(folder: JournalFolder, visitor: ScanVisitor): Promise<ScanResult> {
  const names = await listSegments(folder);
  const segments: ScannedSegment[] = [];
  let sequence: number | undefined;
  let frames = 0;
  let tornBytes = 0;
  let unfinished: string | undefined;
  let damage: Damage | undefined;
  for (const [index, name] of names.entries()) {
    const bytes = await readSegment(folder, name);
    const isLast = index === names.length - 1;
    const header = decodeSegmentHeader(bytes);
    if (header === undefined && isLast && bytes.length <= SEGMENT_HEADER_BYTES) {
      unfinished = name;
      break;
    }
    damage = damageOfHeader(folder, name, header, segments.at(-1), sequence);
    if (damage !== undefined || header === undefined) break;
    visitor.segment(header, bytes);
    const read = readersByVersion[header.version]!(name, bytes, header, isLast, visitor);
    segments.push({ header, end: read.end });
    sequence = header.firstSequence - 1 + read.frames;
    frames += read.frames;
    ({ damage, tornBytes } = read);
    if (damage !== undefined) break;
  }
  return { segments, sequence: sequence ?? 0, frames, tornBytes, unfinished, damage };
}

async function readSegment(folder: JournalFolder, name: string): Promise<Buffer> {
  const file = await folder.open(name);
  try {
    return await readWhole(file);
  } finally {
    await file.close();
  }
}

function damageOfHeader(
  folder: JournalFolder,
  file: string,
  header: SegmentHeader | undefined,
  before: ScannedSegment | undefined,
  sequence: number | undefined,
): Damage | undefined {
  if (header === undefined) return { file, offset: 0, reason: "its header is damaged" };
  if (header.version > VERSION) throw tooNew(folder, `${file} has version ${header.version}`);
  if (readersByVersion[header.version] === undefined) {
    return { file, offset: 0, reason: `it has version ${header.version}, which no version of pubsub has written` };
  }
  if (segmentFileName(header.number) !== file) return { file, offset: 0, reason: "it is the file of another name" };
  if (before === undefined || sequence === undefined || header.firstSequence === sequence + 1) return undefined;
  const reason =
    header.number === before.header.number + 1
      ? "its end is missing"
      : `${segmentFileName(before.header.number + 1)} is missing after it`;
  return { file: segmentFileName(before.header.number), offset: before.end, reason };
}

function tooNew(folder: JournalFolder, what: string): UserError {
  return new UserError(
    "journal-too-new",
    `the journal in ${folder.path} was written by a newer version of pubsub: ${what}, and this program reads version ${VERSION}`,
    "run the newer version; with it, `pubsub data export` writes what can be imported elsewhere",
  );
}

/** How the frames of a segment are read, by the version of the format: those of all versions that there were. */
const readersByVersion: Readonly<Record<number, typeof readFrames>> = { 1: readFrames };

interface FramesRead {
  frames: number;
  end: number;
  tornBytes: number;
  damage: Damage | undefined;
}

function readFrames(
  file: string,
  bytes: Buffer,
  header: SegmentHeader,
  isLast: boolean,
  visitor: EntryVisitor,
): FramesRead {
  const reader = new ByteReader(bytes);
  let frames = 0;
  let end = SEGMENT_HEADER_BYTES;
  const stop = (reason: string): FramesRead => ({ frames, end, tornBytes: 0, damage: { file, offset: end, reason } });
  while (end < bytes.length) {
    const frame = frameAt(bytes, end, header.salt);
    const sequence = header.firstSequence + frames;
    if (frame === undefined) {
      if (!isLast) return stop("what is there is not what was written");
      if (wasKept(bytes, end, header.salt, sequence)) return stop("what is there is not what was written");
      return { frames, end, tornBytes: bytes.length - end, damage: undefined };
    }
    if (frame.sequence !== sequence) return stop("what should be there is missing");
    readEntries(header, reader, frame, visitor);
    frames++;
    ({ end } = frame);
  }
  return { frames, end, tornBytes: 0, damage: undefined };
}

/**
 * True if the frame with this sequence, of which nothing can be read, had been synced: a later one says so. Otherwise it
 * is the last write, or one of those that a power cut has taken because they were not synced.
 */
function wasKept(bytes: Buffer, offset: number, salt: number, sequence: number): boolean {
  let frame = findFrame(bytes, offset, salt);
  while (frame !== undefined && frame.syncedSequence < sequence) frame = findFrame(bytes, frame.end, salt);
  return frame !== undefined;
}

function readEntries(header: SegmentHeader, reader: ByteReader, frame: FrameHeader, visitor: EntryVisitor): void {
  reader.at = frame.start;
  reader.end = frame.end;
  const entries = new EntryReader(reader);
  try {
    while (!entries.isAtEnd) entries.next(visitor);
  } catch (error) {
    throw unreadable(header.number, entries.at, error);
  }
}

/** @returns the error where it is none of reading */
export function unreadable(segment: number, offset: number, error: unknown): unknown {
  if (!(error instanceof UnknownEntryError || error instanceof RangeError)) return error;
  // The CRC is right: so it was written, by a program that knows more than this one.
  return new UserError(
    "journal-unreadable",
    `${segmentFileName(segment)} has at byte ${offset} what this program cannot read: ${error.message}`,
    "it may have been written by a newer version of pubsub: run that one",
    { cause: error },
  );
}
