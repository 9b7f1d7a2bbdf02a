import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateSigningKey } from "../../src/auth/index.ts";
import { type Catalogue, openFileCatalogue } from "../../src/store/index.ts";
import { catalogueSuite } from "./catalogue-suite.ts";

let parent: string;
let folder: string;
const opened: Catalogue[] = [];

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), "pubsub store ü-"));
  folder = path.join(parent, "data");
});
afterEach(async () => {
  for (const catalogue of opened.splice(0)) await catalogue.close();
  await rm(parent, { recursive: true });
});

async function open(): Promise<Catalogue> {
  const catalogue = await openFileCatalogue(folder);
  opened.push(catalogue);
  return catalogue;
}

async function mode(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8);
}

const inUseBy = (pid: number | undefined) => ({
  code: "data-folder-in-use",
  message: expect.stringContaining(`process ${pid}`),
});

describe("file catalogue", () => {
  catalogueSuite((now) => openFileCatalogue(folder, { now }));
});

describe("what is on the disk", () => {
  test("is not begun anew beside a journal, which would be emptied", async () => {
    await mkdir(path.join(folder, "journal"), { recursive: true });
    await writeFile(path.join(folder, "journal", "00000001.log"), "");
    await expect(open()).rejects.toMatchObject({ code: "catalogue-missing" });
    expect(await readdir(folder)).toEqual(["journal"]);
  });

  test("outlives the process", async () => {
    const before = await open();
    const keys = [await generateSigningKey()];
    const namespace = await before.createNamespace({ name: "ns", description: "text" });
    const onPublish = { url: "https://example.com/" };
    const broker = await before.createBroker({ namespaceId: namespace.id, name: "b", keys, onPublish });
    await before.revoke(broker.id, ["x", "y"]);
    const apiToken = await before.createApiToken({ name: "ci", scope: "write", namespaceId: namespace.id, hash: "h" });
    await before.close();

    const after = await open();
    expect(after.apiTokens()).toEqual([apiToken]);
    expect(after.accountId).toBe(before.accountId);
    expect(after.namespaces()).toEqual([namespace]);
    expect(after.brokers()).toEqual([broker]);
    expect(after.revocations(broker.id)).toEqual(["x", "y"]);
  });

  test("the account's id, even if nothing else was created", async () => {
    const before = await open();
    await before.close();
    expect((await open()).accountId).toBe(before.accountId);
  });

  test("is for its owner only, and nothing is left beside it", async () => {
    const catalogue = await open();
    await catalogue.createNamespace({ name: "ns" });
    expect(await mode(folder)).toBe("700");
    expect(await mode(path.join(folder, "catalogue.json"))).toBe("600");
    expect(await mode(path.join(folder, "lock"))).toBe("600");
    expect((await readdir(folder)).sort()).toEqual(["catalogue.json", "lock"]);
    await catalogue.close();
    expect(await readdir(folder)).toEqual(["catalogue.json"]);
  });

  test("is JSON with a version", async () => {
    await open();
    const document = JSON.parse(await readFile(path.join(folder, "catalogue.json"), "utf8"));
    expect(document).toMatchObject({ version: 1, namespaces: [], brokers: [] });
  });

  test("is complete whenever it is read, however much is written", async () => {
    const catalogue = await open();
    const state = { writing: true };
    const reader = (async () => {
      while (state.writing) JSON.parse(await readFile(path.join(folder, "catalogue.json"), "utf8"));
    })();
    for (let i = 0; i < 50; i++) await catalogue.createNamespace({ name: `n${i}` });
    state.writing = false;
    await reader;
  });
});

describe("a file that is no catalogue is left as it is", () => {
  const accountId = "a".repeat(32);
  const namespace = { id: "b".repeat(32), name: "n", description: "", createdOn: "", modifiedOn: "" };
  test.each<[what: string, content: string, message: string]>([
    ["empty", "", "is not JSON"],
    ["half written", '{"version":1,', "is not JSON"],
    ["null", "null", "is not a catalogue: document"],
    ["a list", "[]", "is not a catalogue: document"],
    ["without a version", "{}", "is not a catalogue: version"],
    ["of a later version", '{"version":2}', "has version 2, and this program reads version 1"],
    ["without brokers", JSON.stringify({ version: 1, accountId, namespaces: [] }), "is not a catalogue: brokers"],
    [
      "with a broken entry",
      JSON.stringify({ version: 1, accountId, namespaces: [{ ...namespace, id: 7 }], brokers: [], revocations: {} }),
      "is not a catalogue: namespaces.0.id",
    ],
    [
      "with an id that is none",
      JSON.stringify({ version: 1, accountId, namespaces: [], brokers: [], revocations: { x: [] } }),
      "is not a catalogue: revocations.x: should be a text like",
    ],
    [
      "with a scope that is none",
      JSON.stringify({
        ...{ version: 1, accountId, namespaces: [], brokers: [], revocations: {} },
        apiTokens: [{ id: accountId, name: "t", scope: "all", namespaceId: null, hash: "", createdOn: "" }],
      }),
      'is not a catalogue: apiTokens.0.scope: should be "read" or "write" or "admin"',
    ],
  ])("%s", async (_, content, message) => {
    await mkdir(folder);
    const file = path.join(folder, "catalogue.json");
    await writeFile(file, content);
    await expect(open()).rejects.toMatchObject({
      name: "UserError",
      code: "catalogue-unreadable",
      message: expect.stringContaining(`${file} ${message}`),
      hint: expect.stringContaining("backup"),
    });
    expect(await readFile(file, "utf8")).toBe(content);
    // And the lock is free again.
    expect(await readdir(folder)).toEqual(["catalogue.json"]);
  });
});

describe("a folder that cannot be used", () => {
  test("a file", async () => {
    await writeFile(folder, "");
    await expect(open()).rejects.toMatchObject({
      code: "data-folder-unusable",
      message: expect.stringContaining(folder),
    });
  });

  test.skipIf(process.platform !== "linux")("on a file system that takes none", async () => {
    await expect(openFileCatalogue("/proc/none/at/all")).rejects.toMatchObject({ code: "data-folder-unusable" });
  });

  test("a dangling link", async () => {
    await symlink(path.join(parent, "nowhere", "else"), folder);
    await expect(open()).rejects.toMatchObject({ code: "data-folder-unusable" });
  });

  test.skipIf(process.getuid?.() === 0)("read-only", async () => {
    await mkdir(folder, { mode: 0o500 });
    await expect(open()).rejects.toMatchObject({ code: "data-folder-unusable" });
    await chmod(folder, 0o700);
  });

  test("a change that cannot be written is not made", async () => {
    const catalogue = await open();
    await mkdir(path.join(folder, "catalogue.json.tmp"));
    await expect(catalogue.createNamespace({ name: "ns" })).rejects.toMatchObject({
      code: "storage-failed",
      cause: { code: "EISDIR" },
    });
    expect(catalogue.namespaces()).toEqual([]);
    await rm(path.join(folder, "catalogue.json.tmp"), { recursive: true });
    await catalogue.createNamespace({ name: "ns" });
  });
});

describe("one process at a time", () => {
  const lock = () => path.join(folder, "lock");

  test("the second is refused, naming the first", async () => {
    await open();
    await expect(open()).rejects.toMatchObject(inUseBy(process.pid));
  });

  test("another living process", async () => {
    const other = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
    await mkdir(folder);
    await writeFile(lock(), JSON.stringify({ pid: other.pid, nonce: "x" }));
    await expect(open()).rejects.toMatchObject(inUseBy(other.pid));
    other.kill();
    await once(other, "exit");
    await open();
  });

  test("a process that has died, also by a signal", async () => {
    const script = `
      import { openFileCatalogue } from "../../src/store/index.ts";
      await openFileCatalogue(${JSON.stringify(folder)});
      process.stdout.write("open");
      setInterval(() => {}, 1000);`;
    const outfile = path.join(parent, "program.mjs");
    const stdin = { contents: script, resolveDir: import.meta.dirname };
    await build({ stdin, bundle: true, platform: "node", format: "esm", outfile });
    const other = spawn(process.execPath, [outfile]);
    await once(other.stdout, "data");
    await expect(open()).rejects.toMatchObject(inUseBy(other.pid));
    other.kill("SIGKILL");
    await once(other, "exit");
    await open();
  });

  test.skipIf(process.platform !== "linux")("an earlier process with the pid of a living one", async () => {
    await mkdir(folder);
    await writeFile(lock(), JSON.stringify({ pid: process.pid, startedAt: "1", nonce: "x" }));
    await open();
  });

  test.each(["", "not JSON", "null", "{}", '{"pid":"x"}', '{"pid":-1}', '{"pid":1e99}'])(
    "a lock that names nobody: %j",
    async (content) => {
      await mkdir(folder);
      await writeFile(lock(), content);
      await open();
    },
  );

  test("processes that died while they took over from a dead one", async () => {
    await mkdir(folder);
    const dead = JSON.stringify({ pid: 2 ** 30, nonce: "x" });
    await writeFile(lock(), dead);
    await writeFile(`${lock()}.takeover`, dead);
    await open();
    expect((await readdir(folder)).sort()).toEqual(["catalogue.json", "lock"]);
  });

  test("of many that find a dead process's lock, one wins", async () => {
    await mkdir(folder);
    for (let round = 0; round < 20; round++) {
      await writeFile(lock(), JSON.stringify({ pid: 2 ** 30, nonce: "x" }));
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => openFileCatalogue(folder)));
      const winners = results.filter((result) => result.status === "fulfilled");
      expect(winners).toHaveLength(1);
      await winners[0]!.value.close();
    }
  });
});
