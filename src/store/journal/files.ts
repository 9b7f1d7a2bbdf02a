/** What a journal needs of a file system, so that tests can have one that fails; and Node's own. */
import fs from "node:fs";
import { readdir, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { makeFolder } from "../make-folder.ts";

/** Errors are those of Node, with a `code`. */
export interface JournalFile {
  /** @returns how many bytes were written, at least one and perhaps not all */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** @returns how many bytes were read; 0 at the end of the file */
  read(bytes: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Resolves when the content survives a power cut: fdatasync. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** One folder, which is there. */
export interface JournalFolder {
  /** For messages to people. */
  readonly path: string;
  list(): Promise<string[]>;
  /** A new file; an old one of the name is emptied. */
  create(name: string): Promise<JournalFile>;
  /** For reading and writing. */
  open(name: string): Promise<JournalFile>;
  rename(from: string, to: string): Promise<void>;
  /** It may be gone already. */
  remove(name: string): Promise<void>;
  /** Resolves when new, renamed and removed names survive a power cut. */
  sync(): Promise<void>;
  /** Of the disk; undefined where the system does not say. */
  space(): Promise<{ freeBytes: number; totalBytes: number } | undefined>;
}

/** A folder of the disk, made if it is not there. Only its owner may read it. */
export async function openFolder(folder: string): Promise<JournalFolder> {
  await makeFolder(folder);
  const open = async (name: string, flags: string) =>
    new NodeFile(await openDescriptor(path.join(folder, name), flags));
  return {
    path: folder,
    list: async () => await readdir(folder),
    create: async (name) => await open(name, "w+"),
    open: async (name) => await open(name, "r+"),
    rename: async (from, to) => await rename(path.join(folder, from), path.join(folder, to)),
    remove: async (name) => await rm(path.join(folder, name), { force: true }),
    sync: async () => await syncFolder(folder),
    space: async () => {
      const { bavail, blocks, bsize } = await statfs(folder);
      return blocks === 0 ? undefined : { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    },
  };
}

/** Windows has no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const descriptor = await openDescriptor(folder, "r");
  try {
    await call((done) => fs.fsync(descriptor, done));
  } finally {
    await call((done) => fs.close(descriptor, done));
  }
}

async function openDescriptor(file: string, flags: string): Promise<number> {
  return await call<number>((done) => fs.open(file, flags, 0o600, done));
}

/** Callbacks instead of `FileHandle`: a write is on the way of every acknowledgement, and they take half as long. */
class NodeFile implements JournalFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return call((done) => fs.write(this.#descriptor, bytes, 0, bytes.length, position, done));
  }

  read(bytes: Uint8Array, position: number): Promise<number> {
    return call((done) => fs.read(this.#descriptor, bytes, 0, bytes.length, position, done));
  }

  async size(): Promise<number> {
    const { size } = await call<fs.Stats>((done) => fs.fstat(this.#descriptor, done));
    return size;
  }

  truncate(length: number): Promise<void> {
    return call((done) => fs.ftruncate(this.#descriptor, length, done));
  }

  sync(): Promise<void> {
    return call((done) => fs.fdatasync(this.#descriptor, done));
  }

  close(): Promise<void> {
    return call((done) => fs.close(this.#descriptor, done));
  }
}

function call<Result = void>(start: (done: (error: Error | null, result?: Result) => void) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(error) : resolve(result as Result)));
  });
}

/** All bytes of a file. */
export async function readWhole(file: JournalFile): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(await file.size());
  const length = await readInto(file, bytes, 0);
  return bytes.subarray(0, length);
}

/** @returns how many bytes there were */
export async function readInto(file: JournalFile, bytes: Buffer, position: number): Promise<number> {
  let length = 0;
  while (length < bytes.length) {
    const count = await file.read(bytes.subarray(length), position + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}

export async function writeWhole(file: JournalFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written), position + written);
  }
}
