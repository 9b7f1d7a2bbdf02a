/** Folders that go when the test file ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";

const all = mkdtempSync(path.join(tmpdir(), "pubsub-tests-"));
afterAll(() => rmSync(all, { recursive: true, force: true }));

/** A new folder. @param name what its name begins with, where that matters */
export function temporaryFolder(name = "folder-"): string {
  return mkdtempSync(path.join(all, name));
}
