/** What V8 compiled of the program is kept for its next start. */
import { chmod, mkdir, readdir, stat, truncate, writeFile } from "node:fs/promises";
import module from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { World } from "./world.ts";

/** Node 22 and newer have a cache of their own, in the same place. */
const isOurs = !("enableCompileCache" in module);

class Caches {
  readonly world: World;
  readonly home: string;

  private constructor(world: World) {
    this.world = world;
    this.home = join(world.folder, "cache");
  }

  static async create(): Promise<Caches> {
    return new Caches(await World.create());
  }

  /** A command that loads the program and needs nothing else. */
  async run(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const { code, stderr } = await this.world.spawn(process.execPath, [program(), "explain", "0x87"], {
      XDG_CACHE_HOME: this.home,
      ...env,
    }).finished;
    expect([code, stderr]).toEqual([0, ""]);
  }

  /** Paths of the files, and when they were written. */
  async files(): Promise<Map<string, number>> {
    const entries = await readdir(this.home, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return new Map(await Promise.all(files.map(async (file) => [file, (await stat(file)).mtimeMs] as const)));
  }

  async folder(): Promise<string> {
    const compiled = join(this.home, "pubsub", "compiled");
    const [name] = await readdir(compiled);
    return join(compiled, name!);
  }
}

test("the first start leaves it in the user's cache", async () => {
  const caches = await Caches.create();
  await caches.run();
  const files = await caches.files();
  expect(files.size).toBeGreaterThan(0);
  expect([...files.keys()].every((file) => file.startsWith(join(caches.home, "pubsub", "compiled")))).toBe(true);
});

test("without a place for it, and where it is not wanted, the program works as well", async () => {
  const caches = await Caches.create();
  await caches.run({ NODE_DISABLE_COMPILE_CACHE: "1" });
  expect((await caches.files()).size).toBe(0);
  const file = join(caches.world.folder, "file");
  await writeFile(file, "");
  await caches.run({ XDG_CACHE_HOME: join(file, "cache") });
  await caches.run({ XDG_CACHE_HOME: undefined, HOME: undefined });
});

describe.runIf(isOurs)("on Node 20", () => {
  test("only the user may read and write it", async () => {
    const caches = await Caches.create();
    await caches.run();
    for (const file of (await caches.files()).keys()) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(await caches.folder())).mode & 0o777).toBe(0o700);
  });

  test("what is there is used, and what is damaged made anew", async () => {
    const caches = await Caches.create();
    await caches.run();
    const first = await caches.files();
    await caches.run();
    expect(await caches.files()).toEqual(first);
    const [damaged, ...others] = [...first.keys()];
    await truncate(damaged!, 100);
    await caches.run();
    const last = await caches.files();
    expect((await stat(damaged!)).size).toBeGreaterThan(100);
    for (const other of others) expect(last.get(other)).toBe(first.get(other));
  });

  test("a folder to which others may write is neither read nor written", async () => {
    const caches = await Caches.create();
    await caches.run();
    const first = await caches.files();
    for (const file of first.keys()) await writeFile(file, "planted");
    await chmod(await caches.folder(), 0o777);
    const planted = await caches.files();
    await caches.run();
    expect(await caches.files()).toEqual(planted);
  });

  test("a server leaves it soon after its start: it may be killed", async () => {
    const caches = await Caches.create();
    caches.world.env["XDG_CACHE_HOME"] = caches.home;
    await caches.world.dev("--memory");
    await expect.poll(async () => (await caches.files()).size, { timeout: 10_000 }).toBeGreaterThan(5);
  });

  test("of old builds few are kept", async () => {
    const caches = await Caches.create();
    const compiled = join(caches.home, "pubsub", "compiled");
    const old = Array.from({ length: 6 }, (_, index) => `v20.0.0-x64-${index}`);
    for (const name of old) await mkdir(join(compiled, name), { recursive: true });
    await caches.run();
    const left = await readdir(compiled);
    expect(left).toHaveLength(4);
    expect(left.filter((name) => !old.includes(name))).toHaveLength(1);
  });
});
