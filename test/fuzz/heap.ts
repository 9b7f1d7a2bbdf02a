import { readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What lives in a process after its garbage is gone. */
export interface Heap {
  readonly bytes: number;
  /** Objects by the name of their class. */
  readonly counts: ReadonlyMap<string, number>;
}

interface Snapshot {
  readonly snapshot: {
    readonly meta: { readonly node_fields: string[]; readonly node_types: [string[], ...unknown[]] };
  };
  readonly nodes: number[];
  readonly strings: string[];
}

/**
 * Counts the live objects of a process that was started with `--heapsnapshot-signal=SIGUSR2` in the folder. The process
 * does nothing else meanwhile, for a second or so.
 */
export async function readHeap(pid: number, folder: string, timeoutMs: number): Promise<Heap> {
  process.kill(pid, "SIGUSR2");
  const dueAt = Date.now() + timeoutMs;
  let lastSize = -1;
  for (;;) {
    await sleep(150);
    const name = (await readdir(folder)).find((file) => file.endsWith(".heapsnapshot"));
    if (name !== undefined) {
      const file = join(folder, name);
      const { size } = await stat(file);
      const text = size > 0 && size === lastSize ? await readFile(file, "utf8") : "";
      lastSize = size;
      if (text.trimEnd().endsWith("}")) {
        await rm(file);
        return summarize(JSON.parse(text) as Snapshot);
      }
    }
    if (Date.now() > dueAt) throw new Error(`no heap snapshot of process ${pid} within ${timeoutMs} ms`);
  }
}

function summarize({ snapshot, nodes, strings }: Snapshot): Heap {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = [fields.indexOf("type"), fields.indexOf("name"), fields.indexOf("self_size")];
  const object = types[0].indexOf("object");
  const counts = new Map<string, number>();
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += fields.length) {
    bytes += nodes[at + size]!;
    if (nodes[at + type] !== object) continue;
    const className = strings[nodes[at + name]!]!;
    counts.set(className, (counts.get(className) ?? 0) + 1);
  }
  return { bytes, counts };
}
