/**
 * The files of a journal: numbered segments, each a header and then frames. All numbers are little-endian.
 *
 *   segment header   magic (8), version (2), length of the header (2), salt (4), number of the segment (4),
 *                    sequence of its first frame (8), next record id (8), CRC-32 (4)
 *   frame            magic (4), length of the body (4), sequence (8), sequence of the last frame known to be synced (8),
 *                    CRC-32 of header and body (4), body: see entries.ts
 *
 * A frame is what was committed together. The CRC of frames starts from the segment's salt, so that no payload can pass for a
 * frame. Sequences grow by one from frame to frame, over all segments.
 */
import { randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

/** Every change of the form gets a new number, and code that reads the older ones. */
export const VERSION = 1;

export const SEGMENT_HEADER_BYTES = 40;
export const FRAME_HEADER_BYTES = 28;

const SEGMENT_MAGIC = Buffer.from("PUBSUBJ\n", "latin1");
const FRAME_MAGIC = Buffer.from([0xf7, 0x4a, 0x46, 0x0a]);

export interface SegmentHeader {
  readonly version: number;
  readonly salt: number;
  readonly number: number;
  readonly firstSequence: number;
  /** No record in an earlier segment has this id or a greater one. */
  readonly nextId: number;
}

/** Where a frame is in its segment, and what its header says. */
export interface FrameHeader {
  readonly sequence: number;
  readonly syncedSequence: number;
  /** Offset of the body. */
  readonly start: number;
  /** Offset of what follows. */
  readonly end: number;
}

export function newSalt(): number {
  return randomInt(2 ** 32);
}

export function segmentFileName(number: number): string {
  return `${String(number).padStart(8, "0")}.log`;
}

/** @returns undefined for any other file */
export function segmentNumber(fileName: string): number | undefined {
  const match = /^(\d{8,10})\.log$/.exec(fileName);
  return match === null ? undefined : Number(match[1]);
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeUInt16LE(header.version, 8);
  bytes.writeUInt16LE(SEGMENT_HEADER_BYTES, 10);
  bytes.writeUInt32LE(header.salt, 12);
  bytes.writeUInt32LE(header.number, 16);
  bytes.writeDoubleLE(header.firstSequence, 20);
  bytes.writeDoubleLE(header.nextId, 28);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SEGMENT_HEADER_BYTES - 4)), SEGMENT_HEADER_BYTES - 4);
  return bytes;
}

/** @returns undefined where there is none; of other versions the version alone is right */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, SEGMENT_MAGIC.length).equals(SEGMENT_MAGIC))
    return undefined;
  // In every version, so that a damaged header is not taken for a newer one.
  const length = bytes.readUInt16LE(10);
  if (length < SEGMENT_HEADER_BYTES || length > bytes.length) return undefined;
  if (crc32(bytes.subarray(0, length - 4)) !== bytes.readUInt32LE(length - 4)) return undefined;
  return {
    version: bytes.readUInt16LE(8),
    salt: bytes.readUInt32LE(12),
    number: bytes.readUInt32LE(16),
    firstSequence: bytes.readDoubleLE(20),
    nextId: bytes.readDoubleLE(28),
  };
}

/** Completes a frame whose body is in place, behind room for its header. */
export function sealFrame(frame: Buffer, salt: number, sequence: number, syncedSequence: number): void {
  FRAME_MAGIC.copy(frame);
  frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, 4);
  frame.writeDoubleLE(sequence, 8);
  frame.writeDoubleLE(syncedSequence, 16);
  frame.writeUInt32LE(frameCrc(frame, salt), 24);
}

function frameCrc(frame: Buffer, salt: number): number {
  return crc32(frame.subarray(FRAME_HEADER_BYTES), crc32(frame.subarray(0, FRAME_HEADER_BYTES - 4), salt));
}

/** The bytes of the frame whose header is there, however many of them are; undefined where there is no header. */
export function frameLength(bytes: Buffer, offset: number): number | undefined {
  if (bytes.length - offset < FRAME_HEADER_BYTES) return undefined;
  if (!bytes.subarray(offset, offset + FRAME_MAGIC.length).equals(FRAME_MAGIC)) return undefined;
  return FRAME_HEADER_BYTES + bytes.readUInt32LE(offset + 4);
}

/** @returns undefined where there is no whole and undamaged frame */
export function frameAt(bytes: Buffer, offset: number, salt: number): FrameHeader | undefined {
  const length = frameLength(bytes, offset);
  if (length === undefined || length > bytes.length - offset) return undefined;
  const frame = bytes.subarray(offset, offset + length);
  if (frameCrc(frame, salt) !== frame.readUInt32LE(24)) return undefined;
  return {
    sequence: frame.readDoubleLE(8),
    syncedSequence: frame.readDoubleLE(16),
    start: offset + FRAME_HEADER_BYTES,
    end: offset + length,
  };
}

/** The first whole frame at or after the offset. */
export function findFrame(bytes: Buffer, offset: number, salt: number): FrameHeader | undefined {
  for (let at = bytes.indexOf(FRAME_MAGIC, offset); at !== -1; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
    const frame = frameAt(bytes, at, salt);
    if (frame !== undefined) return frame;
  }
  return undefined;
}
