import * as esbuild from "esbuild";
import { expect, test, onTestFinished } from "vitest";
import { type Bundle, Bundler } from "../../../src/hooks/worker/bundle.ts";
import { readProject } from "../../../src/hooks/worker/configuration.ts";
import { requirements, loadLibraries } from "../../../src/hooks/worker/libraries.ts";
import { project } from "./world.ts";

const entry = { secret: "secret", binding: "BROKER", isHook: true };

async function bundle(files: Record<string, string | Uint8Array>, main = "worker.ts"): Promise<Bundle> {
  const folder = project(files);
  const bundler = await Bundler.create(esbuild, readProject(`${folder}/${main}`), entry, false);
  onTestFinished(() => bundler.close());
  return await bundler.build();
}

const code = ({ modules }: Bundle): string => modules[0]!.contents as string;

test("the project's own @cloudflare/pubsub comes before ours", async () => {
  const source =
    'import { isValidBrokerRequest } from "@cloudflare/pubsub"; export default { fetch: isValidBrokerRequest };';
  expect(code(await bundle({ "worker.ts": source }))).toContain("X-Signature-Ed25519");
  const own = await bundle({
    "worker.ts": source,
    "node_modules/@cloudflare/pubsub/package.json": '{"name":"@cloudflare/pubsub","main":"index.js"}',
    "node_modules/@cloudflare/pubsub/index.js": 'export const isValidBrokerRequest = () => "own";',
  });
  expect(code(own)).toMatch(/isValidBrokerRequest = [^\n]*"own"[^]*worker_default = \{ fetch: isValidBrokerRequest \}/);
});

test("what is no code becomes a module of its own", async () => {
  const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
  const { modules, inputs } = await bundle({
    "worker.ts":
      'import a from "./a.wasm"; import b from "./b.sql"; import c from "./c.bin?module"; export default { fetch: () => [a, b, c] };',
    "a.wasm": wasm,
    "b.sql": "SELECT 1",
    "c.bin": wasm,
  });
  expect(new Map(modules.slice(1).map(({ type, contents }) => [type, contents]))).toEqual(
    new Map<string, unknown>([
      ["CompiledWasm", wasm],
      ["Text", "SELECT 1"],
      ["Data", wasm],
    ]),
  );
  const names = new Set(inputs.map((file) => file.split("/").at(-1)));
  expect(names).toEqual(
    new Set(["pubsub-console.js", "pubsub-frames.js", "pubsub-runtime.js", "worker.ts", "a.wasm", "b.sql", "c.bin"]),
  );
});

test("modules of Node are there with nodejs_compat, and a package of that name comes first", async () => {
  const source = 'import { Buffer } from "buffer"; export default { fetch: () => Buffer.from("x") };';
  const configuration = { "wrangler.toml": 'compatibility_flags = ["nodejs_compat"]' };
  expect(code(await bundle({ ...configuration, "worker.ts": source }))).toContain('from "node:buffer"');
  const own = await bundle({
    "worker.ts": source,
    "node_modules/buffer/package.json": '{"name":"buffer","main":"index.js"}',
    "node_modules/buffer/index.js": "exports.Buffer = { from: () => 'own' };",
  });
  expect(code(own)).toContain("'own'".replaceAll("'", '"'));
});

test("names of the configuration are replaced", async () => {
  const built = await bundle({
    "wrangler.json": '{"define": {"VERSION": "\\"1.2\\""}, "alias": {"what": "./that.ts"}}',
    "worker.ts": 'import { that } from "what"; export default { fetch: () => VERSION + that };',
    "that.ts": 'export const that = "that";',
  });
  expect(code(built)).toMatch(/"1\.2" \+ that/);
});

test("a missing library is named with what installs it", () => {
  const nowhere = project({ "package.json": "{}" });
  const load = () => loadLibraries([nowhere], `${nowhere}/package.json`);
  const error = {
    code: "worker-libraries-missing",
    message: "running a Worker takes miniflare and esbuild, which are not installed",
    hint: expect.stringMatching(/^npm install --save-dev "miniflare@\S+" "esbuild@\^0\.28\.0"$/),
  };
  expect(load).toThrow(expect.objectContaining(error));
  expect(requirements(20)[0]!.install).toBe("miniflare@4.20260426.0");
  expect(requirements(24)[0]!.install).toBe("miniflare@^4.20260426.0");
});

test("a library of another version is told from a missing one", () => {
  const folder = project({
    "node_modules/miniflare/package.json": '{"name":"miniflare","version":"3.20250718.0","main":"index.js"}',
    "node_modules/miniflare/index.js": "",
  });
  const load = () => loadLibraries([folder], `${folder}/package.json`);
  expect(load).toThrow("not installed in a version that does (there is miniflare 3.20250718.0)");
});
