/** `pubsub data`: the commands. What they do is tested in test/store/data.test.ts. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import { openFileCatalogue, openFileJournal } from "../../src/store/index.ts";
import { generateSigningKey } from "../../src/auth/index.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { raise } from "../setup/raise.ts";
import { pubsub } from "./world.ts";

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = temporaryFolder();
  folder = path.join(parent, "data");
  const catalogue = await openFileCatalogue(folder);
  const namespace = await catalogue.createNamespace({ name: "ns" });
  const broker = await catalogue.createBroker({
    namespaceId: namespace.id,
    name: "b",
    keys: [await generateSigningKey()],
  });
  const store = await openFileJournal(folder, {
    onFailure: raise,
  });
  const times = { expiryIntervalSeconds: 60, endsAtMs: Infinity, willDueAtMs: undefined };
  const session = store.journal(broker.id).add({ type: "session", clientId: "c", ...times, will: undefined });
  store.journal(broker.id).add({ type: "received", session, packetId: 7 });
  await store.close();
  await catalogue.close();
});

function flipBit(): void {
  const file = path.join(folder, "journal", "00000001.log");
  const bytes = readFileSync(file);
  bytes[80]! ^= 1;
  writeFileSync(file, bytes);
}

test("check says what is there", async () => {
  const { code, stdout } = await pubsub(["data", "check", "--persist-to", folder]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/brokers +1\n/);
  expect(stdout).toMatch(/records +1 session, 1 received\n/);
  expect(stdout).toMatch(/state +as it was written\n/);
});

test("check finds damage, and repairs it where it is told to", async () => {
  flipBit();
  const found = await pubsub(["data", "check", "--persist-to", folder]);
  expect(found.code).toBe(1);
  expect(found.stderr).toContain("00000001.log is damaged at byte 40");
  expect(found.stderr).toContain("--repair");
  const repaired = await pubsub(["data", "check", "--repair", "--persist-to", folder, "--json"]);
  expect(repaired.code).toBe(0);
  expect(JSON.parse(repaired.stdout)).toMatchObject({
    folder,
    records: {},
    repair: { damage: { file: "00000001.log", offset: 40 }, keptFiles: ["00000001.log.damaged"] },
  });
  expect((await pubsub(["data", "check", "--persist-to", folder])).code).toBe(0);
});

test("check of a folder that is not there names the remedy", async () => {
  const { code, stderr } = await pubsub(["data", "check", "--persist-to", path.join(parent, "none")]);
  expect(code).toBe(5);
  expect(stderr).toContain("there is no data folder");
  expect(stderr).toContain("--persist-to");
});

test("compact says what it gained", async () => {
  const { code, stdout } = await pubsub(["data", "compact", "--persist-to", folder, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ folder, before: expect.any(Number), after: expect.any(Number) });
});

test("an export goes to standard output, and from standard input into another folder", async () => {
  const { code, stdout } = await pubsub(["data", "export", "--persist-to", folder]);
  expect(code).toBe(0);
  const types = stdout
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { type: string }).type);
  expect(types).toEqual(["pubsub-data", "namespace", "broker", "key", "session", "received", "end"]);
  const copy = path.join(parent, "copy");
  const imported = await pubsub(["data", "import", "-", "--persist-to", copy], { stdin: stdout });
  expect(imported).toMatchObject({ code: 0, stderr: `Imported 7 lines into ${copy}.\n` });
  expect((await pubsub(["data", "export", "--persist-to", copy])).stdout).toBe(stdout);
});

test("an export goes to a new file that is for its owner only", async () => {
  const file = path.join(parent, "backup.ndjson");
  const args = ["data", "export", "--persist-to", folder, "--output", file];
  expect(await pubsub(args)).toMatchObject({ code: 0, stdout: "" });
  expect(statSync(file).mode & 0o077).toBe(0);
  const again = await pubsub(args);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("it is there already") });
  const copy = path.join(parent, "copy");
  expect(await pubsub(["data", "import", file, "--persist-to", copy, "--json"])).toMatchObject({ code: 0 });
});

test("an export that fails leaves no file", async () => {
  flipBit();
  const file = path.join(parent, "backup.ndjson");
  const { code, stderr } = await pubsub(["data", "export", "--persist-to", folder, "--output", file]);
  expect(code).toBe(1);
  expect(stderr).toContain("pubsub data check --repair");
  expect(() => statSync(file)).toThrow("ENOENT");
});

test("an import of what is not there, or not an export, is refused", async () => {
  const copy = ["--persist-to", path.join(parent, "copy")];
  const missing = await pubsub(["data", "import", path.join(parent, "missing"), ...copy]);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no such file") });
  const wrong = await pubsub(["data", "import", "-", ...copy], { stdin: "{}\n" });
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("line 1: this is no export") });
});
