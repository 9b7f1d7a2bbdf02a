/** How the build joins chunks. That the program runs is for the tests of the program. */
import path from "node:path";
import vm from "node:vm";
import { expect, it } from "vitest";
// @ts-expect-error: without types
import { join as untyped } from "../../scripts/join.mjs";

interface Chunk {
  readonly entryPoint?: string;
  readonly bytes?: number;
  readonly imports?: readonly string[];
  readonly code: string;
}

/** @returns the joined files, and what loads one of them */
function joined(chunks: Record<string, Chunk>) {
  const entries = Object.entries(chunks);
  const outputs = Object.fromEntries(
    entries.map(([name, { imports = [], bytes = 100, entryPoint }]) => [
      name,
      { imports: imports.map((each) => ({ path: each, kind: "import-statement" })), bytes, entryPoint },
    ]),
  );
  const files = new Map(entries.map(([name, { code }]) => [name, `"use strict";\n${code}\n`]));
  const commands = /^command/;
  untyped(files, outputs, { start: "main.ts", frequent: ["command.ts"], server: "server.ts", commands });
  const evaluated: string[] = [];
  const loaded = new Map<string, object>();
  const load = (name: string): object => {
    const known = loaded.get(name);
    if (known !== undefined) return known;
    const module = { exports: {} };
    const require = (from: string) => load(path.join(path.dirname(name), from));
    const code = files.get(name)!;
    vm.compileFunction(code, ["module", "require", "note"])(module, require, (what: string) => evaluated.push(what));
    loaded.set(name, module.exports);
    return module.exports;
  };
  return { files, load, evaluated };
}

const errors = { code: 'note("errors");\nvar name = "errors";\nmodule.exports = { name };' };
const small = {
  imports: ["chunks/errors.cjs"],
  code: 'const { name } = require("./errors.cjs");\nnote("small");\nmodule.exports = { small: `small ${name}` };',
};
const chunks: Record<string, Chunk> = {
  "cli/main.cjs": {
    entryPoint: "main.ts",
    imports: ["chunks/errors.cjs"],
    code: 'const { name } = require("../chunks/errors.cjs");\nvar run = () => require("../chunks/command.cjs");\nmodule.exports = { name, run };',
  },
  "chunks/errors.cjs": errors,
  "chunks/small.cjs": small,
  "chunks/command.cjs": {
    entryPoint: "command.ts",
    imports: ["chunks/small.cjs", "chunks/large.cjs"],
    code: 'module.exports = { ...require("./small.cjs"), ...require("./large.cjs") };',
  },
  "chunks/large.cjs": { bytes: 100_000, code: 'note("large");\nmodule.exports = { large: 1 };' },
  "chunks/server.cjs": {
    entryPoint: "server.ts",
    imports: ["chunks/broker.cjs", "chunks/large.cjs"],
    code: 'const { broker } = require("./broker.cjs");\nmodule.exports = { server: [broker, require("./large.cjs").large] };',
  },
  "chunks/broker.cjs": { bytes: 100_000, code: 'note("broker");\nmodule.exports = { broker: 2 };' },
};

it("joins what loads always, small parts of frequent commands, and what only a server needs", () => {
  const { files, load, evaluated } = joined(chunks);
  expect([...files.keys()].toSorted()).toEqual([
    "chunks/command.cjs",
    "chunks/large.cjs",
    "chunks/server.cjs",
    "cli/main.cjs",
  ]);
  const main = load("cli/main.cjs") as { name: string; run: () => unknown };
  expect(main.name).toBe("errors");
  expect(main.run()).toEqual({ small: "small errors", large: 1 });
  expect(load("chunks/server.cjs")).toMatchObject({ server: [2, 1] });
  // Each once, behind what it imports.
  expect(evaluated).toEqual(["errors", "small", "large", "broker"]);
});

it("leaves alone what another file needs while the joined one loads", () => {
  const large = { ...chunks["chunks/large.cjs"]!, imports: ["chunks/shared.cjs"] };
  const shared = { bytes: 100_000, code: "module.exports = {};" };
  const { files } = joined({ ...chunks, "chunks/large.cjs": large, "chunks/shared.cjs": shared });
  expect(files.has("chunks/shared.cjs")).toBe(true);
});

it("refuses what needs its own file name, but for comments", () => {
  const of = (code: string) => () =>
    joined({ ...chunks, "chunks/errors.cjs": { code: `${code}\nmodule.exports = {};` } });
  expect(of("var here = __filename;")).toThrow("chunks/errors.cjs needs its own file name");
  expect(of("// see __filename")).not.toThrow();
});
