/** Plants one violation of each kind in a source tree of its own and sees the linter report it. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const IMPORTS = "layers(imports)";
const PURE = "layers(pure)";
const FLOATING = "typescript(no-floating-promises)";

/** file below src/, what it says, and the rule that must object to it (undefined: none). */
const cases: [file: string, code: string, rule: string | undefined][] = [
  // codec and broker: nothing from outside
  ["codec/node.ts", `import fs from "node:fs"; export { fs };`, IMPORTS],
  ["codec/bare-builtin.ts", `import { EventEmitter } from "events"; export { EventEmitter };`, IMPORTS],
  ["codec/package.ts", `import { ulid } from "ulid"; export { ulid };`, IMPORTS],
  ["codec/broker.ts", `import { x } from "../broker/x.ts"; export { x };`, IMPORTS],
  ["codec/type-of-broker.ts", `import type { X } from "../broker/x.ts"; export type Y = X;`, IMPORTS],
  ["codec/inline-type.ts", `export type Y = import("../broker/x.ts").X;`, IMPORTS],
  ["codec/reexport.ts", `export * from "../errors.ts";`, IMPORTS],
  ["codec/outside.ts", `import { x } from "../../test/x.ts"; export { x };`, IMPORTS],
  ["codec/clean.ts", `import { x } from "./x.ts"; export const y = [x, Math.max(1, 2), Buffer.alloc(1)];`, undefined],
  ["broker/node.ts", `import net from "node:net"; export { net };`, IMPORTS],
  ["broker/store.ts", `import { x } from "../store/x.ts"; export { x };`, IMPORTS],
  ["broker/runtime.ts", `export const x = () => import("../runtime/x.ts");`, IMPORTS],
  ["broker/handlers/errors.ts", `import { UserError } from "../../errors.ts"; export { UserError };`, IMPORTS],
  [
    "broker/clean.ts",
    `import { x } from "../codec/x.ts"; import { y } from "../expression/y.ts"; export { x, y };`,
    undefined,
  ],
  // … no clock, no timers, no randomness, no await
  ["codec/date.ts", `export const x = new Date();`, PURE],
  ["broker/date-now.ts", `export const x = Date.now();`, PURE],
  ["broker/performance.ts", `export const x = () => performance.now();`, PURE],
  ["broker/timeout.ts", `setTimeout(() => {}, 1);`, PURE],
  ["broker/interval.ts", `setInterval(() => {}, 1);`, PURE],
  ["broker/immediate.ts", `setImmediate(() => {});`, PURE],
  ["broker/microtask.ts", `queueMicrotask(() => {});`, PURE],
  ["broker/random.ts", `export const x = Math.random();`, PURE],
  ["broker/random-by-name.ts", `export const x = Math["random"]();`, PURE],
  ["broker/crypto.ts", `export const x = crypto.randomUUID();`, PURE],
  ["broker/process.ts", `process.nextTick(() => {});`, PURE],
  ["broker/global-this.ts", `export const x = globalThis.Date.now();`, PURE],
  ["broker/async.ts", `export async function f() { return 1; }`, PURE],
  ["broker/async-arrow.ts", `export const f = async () => 1;`, PURE],
  ["broker/async-method.ts", `export class C { async f() { return 1; } }`, PURE],
  ["broker/await.ts", `export const x = await 1;`, PURE],
  ["expression/await.ts", `export const x = await 1;`, PURE],
  ["broker/own-name.ts", `export const f = (process: () => number) => process();`, undefined],
  // the layers around them
  ["contract/other-package.ts", `import { Hono } from "hono"; export { Hono };`, IMPORTS],
  ["contract/node.ts", `import fs from "node:fs"; export { fs };`, IMPORTS],
  ["contract/clean.ts", `import { z } from "zod"; export { z };`, undefined],
  ["listen.ts", `import { x } from "./transport/x.ts"; export { x };`, IMPORTS],
  ["transport/clean.ts", `import { x } from "../listen.ts"; export { x };`, undefined],
  ["transport/codec.ts", `import { x } from "../codec/x.ts"; export { x };`, IMPORTS],
  ["store/broker.ts", `import type { X } from "../broker/x.ts"; export type Y = X;`, IMPORTS],
  ["store/ports-value.ts", `import { x } from "../broker/ports.ts"; export { x };`, IMPORTS],
  [
    "store/clean.ts",
    `import type { X } from "../broker/ports.ts"; import fs from "node:fs"; export { fs }; export type Y = X;`,
    undefined,
  ],
  ["hooks/store.ts", `import { x } from "../store/x.ts"; export { x };`, IMPORTS],
  ["auth/runtime.ts", `import { x } from "../runtime/x.ts"; export { x };`, IMPORTS],
  ["runtime/api.ts", `import { x } from "../api/x.ts"; export { x };`, IMPORTS],
  ["runtime/store-value.ts", `import { x } from "../store/x.ts"; export { x };`, IMPORTS],
  ["api/broker.ts", `import { x } from "../broker/x.ts"; export { x };`, IMPORTS],
  ["client/store.ts", `import { x } from "../store/x.ts"; export { x };`, IMPORTS],
  ["cli/broker.ts", `import { x } from "../broker/x.ts"; export { x };`, IMPORTS],
  ["cli/commands/pub.ts", `export const x = () => import("../../app.ts");`, IMPORTS],
  ["cli/commands/dev.ts", `export const x = () => import("../../app.ts");`, undefined],
  ["cli/commands/serve.ts", `export const x = () => import("../../app.ts");`, undefined],
  ["cli/server/server-command.ts", `import { x } from "../../app.ts"; export { x };`, IMPORTS],
  ["cli/commands/data/export.ts", `import { x } from "../../../store/x.ts"; export { x };`, undefined],
  ["cli/commands/data/app.ts", `import { x } from "../../../app.ts"; export { x };`, IMPORTS],
  ["cli/commands/token/x.ts", `import { x } from "../../../store/x.ts"; export { x };`, IMPORTS],
  ["cli/clean.ts", `export const x = () => import("./commands/dev.ts");`, undefined],
  ["somewhere/new.ts", `export const x = 1;`, IMPORTS],
  // everywhere
  ["cli/lazy.ts", `export const x = () => import("undici");`, "layers(lazy-packages)"],
  ["cli/lazy-es-module.ts", `export const x = () => import("conf");`, undefined],
  ["cli/lazy-builtin.ts", `export const x = () => import("node:fs");`, undefined],
  ["hooks/floating.ts", `const f = () => Promise.resolve(1);\nexport function g(): void { f(); }`, FLOATING],
];

interface Diagnostic {
  filename: string;
  code: string;
}

let tree: string;
let diagnostics: Diagnostic[];

beforeAll(async () => {
  tree = mkdtempSync(path.join(tmpdir(), "pubsub-layers-"));
  for (const [file, code] of cases) {
    const target = path.join(tree, "src", file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, `${code}\n`);
  }
  writeFileSync(
    path.join(tree, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { target: "es2023", lib: ["es2023"], module: "nodenext", strict: true } }),
  );
  diagnostics = await lint();
}, 30_000);

afterAll(() => rmSync(tree, { recursive: true, force: true }));

function lint(): Promise<Diagnostic[]> {
  const oxlint = path.join(root, "node_modules/oxlint/bin/oxlint");
  const args = [oxlint, "-c", path.join(root, ".oxlintrc.json"), "--format=json", "src"];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 2 ** 24 }, (_error, stdout, stderr) => {
      try {
        resolve((JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics);
      } catch {
        reject(new Error(`oxlint printed no JSON: ${stdout.slice(0, 1000)} ${stderr.slice(0, 1000)}`));
      }
    });
  });
}

test.each(cases)("src/%s: %s", (file, _code, rule) => {
  const codes = diagnostics
    .filter((diagnostic) => diagnostic.filename.endsWith(path.join("src", file)))
    .map((diagnostic) => diagnostic.code);
  if (rule) expect(codes).toContain(rule);
  else expect(codes.filter((code) => code.startsWith("layers("))).toEqual([]);
});
