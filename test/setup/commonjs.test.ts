/** What the build makes of esbuild's chunks. That the program runs is for the tests of the program. */
import vm from "node:vm";
import { expect, it } from "vitest";
// @ts-expect-error: without types
import { toCommonJs as untyped } from "../../scripts/commonjs.mjs";

const toCommonJs = untyped as (code: string, file: string) => string;

/** Runs it with modules by name. */
function load(code: string, modules: Record<string, unknown> = {}): Record<string, unknown> {
  const module = { exports: {} };
  const require = (name: string) => modules[name];
  vm.compileFunction(toCommonJs(code, "chunk.cjs"), ["module", "require"])(module, require);
  return module.exports;
}

it("imports names, renamed ones, whole modules and effects", () => {
  const code = `import {
  a,
  b as c
} from "./x.js";
import fs from "node:fs";
import * as os from "node:os";
import net, { connect } from "node:net";
import "./effect.js";
var sum = [a, c, fs.x, os.y, net.connect === connect];
export {
  sum
};
`;
  const modules = { "./x.js": { a: 1, b: 2 }, "node:fs": { x: 3 }, "node:os": { y: 4 }, "node:net": { connect: 5 } };
  expect(load(code, modules)).toEqual({ sum: [1, 2, 3, 4, true] });
});

it("exports under other names", () => {
  expect(load("var d = 1;\nexport {\n  d as default,\n  d as e\n};\n")).toEqual({ default: 1, e: 1 });
});

it("loads chunks when they are asked for, and leaves other modules to Node", async () => {
  const code =
    'var load = () => import("./x.js");\nvar other = (url) => import(url);\nexport {\n  load,\n  other\n};\n';
  expect(toCommonJs(code, "chunk.cjs")).toContain("(url) => import(url)");
  const { load: loadChunk } = load(code, { "./x.js": "chunk" }) as { load: () => Promise<unknown> };
  expect(await loadChunk()).toBe("chunk");
});

it.each(["count++;", "count += 1;", "count = 2;"])("refuses an export that changes: %s", (statement) => {
  const code = `var count = 0;\nfunction tick() {\n  ${statement}\n}\nexport {\n  count,\n  tick\n};\n`;
  expect(() => toCommonJs(code, "chunk.cjs")).toThrow("the export count changes its value");
});

it("refuses what CommonJS has not", () => {
  expect(() => toCommonJs("var x = await y;\n", "chunk.cjs")).toThrow(SyntaxError);
  expect(() => toCommonJs('import x, * as y from "./x.js";\n', "chunk.cjs")).toThrow(SyntaxError);
});
