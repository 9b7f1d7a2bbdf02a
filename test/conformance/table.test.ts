import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("every statement that binds a server has a test or a reason, and every pitfall a test", () => {
  const script = fileURLToPath(new URL("../../scripts/conformance.mjs", import.meta.url));
  // Its output names what is missing, and is shown where it fails.
  expect(execFileSync(process.execPath, [script], { encoding: "utf8" })).toContain("5.0 tested");
});
