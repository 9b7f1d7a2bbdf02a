import path from "node:path";
import { describe, expect, test } from "vitest";
import { readProject } from "../../../src/hooks/worker/configuration.ts";
import { parseJsonc } from "../../../src/hooks/worker/jsonc.ts";
import { project } from "./world.ts";

describe("the project of a Worker", () => {
  test("is found from its module, up to the package's folder", () => {
    const folder = project({
      "package.json": "{}",
      "wrangler.toml": 'name = "shop"\ncompatibility_date = "2026-01-31"',
      "src/deep/worker.ts": "",
    });
    const found = readProject(path.join(folder, "src/deep/worker.ts"));
    expect(found).toMatchObject({ name: "shop", folder, main: path.join(folder, "src/deep/worker.ts") });
    expect(found.configuration.compatibility_date).toBe("2026-01-31");
  });

  test("needs no configuration, and ends at the package's folder", () => {
    const folder = project({
      "wrangler.toml": 'name = "outer"',
      "inner/package.json": "{}",
      "inner/src/my hook.ts": "",
    });
    const inner = path.join(folder, "inner");
    expect(readProject(path.join(inner, "src/my hook.ts"))).toMatchObject({
      name: "myhook",
      folder: inner,
      remarks: [],
    });
  });

  test("may be named by its folder; wrangler.json comes before wrangler.toml", () => {
    const folder = project({ "wrangler.toml": 'main = "a.js"', "wrangler.json": '{"main": "b.js"}', "b.js": "" });
    expect(readProject(folder).main).toBe(path.join(folder, "b.js"));
  });

  test("has the secrets of .dev.vars", () => {
    const folder = project({ "w.js": "", ".dev.vars": '# secret\nA=1\nB="two words"\n' });
    expect(readProject(path.join(folder, "w.js")).secrets).toEqual({ A: "1", B: "two words" });
  });
});

describe("what has no effect is told", () => {
  test("bindings that are not provided, environments, and unknown keys", () => {
    const folder = project({
      "wrangler.jsonc": JSON.stringify({
        main: "w.js",
        workers_dev: true,
        ai: { binding: "AI" },
        hyperdrive: [{ binding: "DB" }, { binding: "DB2" }],
        env: { production: {} },
        kv_namespace: [],
      }),
      "w.js": "",
    });
    expect(readProject(folder).remarks).toEqual([
      'wrangler.jsonc: "ai" is not provided here: env.AI will be undefined',
      'wrangler.jsonc: "hyperdrive" is not provided here: env.DB, env.DB2 will be undefined',
      "wrangler.jsonc: the sections of environments (env.*) are not used, only the top level",
      'wrangler.jsonc: "kv_namespace" is not known here, and has no effect',
    ]);
  });
});

describe("errors name the place", () => {
  test.each([
    ["wrangler.toml", "main = ", /wrangler\.toml cannot be read: line 1: /],
    ["wrangler.jsonc", '{\n  "main": x\n}', /wrangler\.jsonc cannot be read: line 2, column 11: x is not expected/],
    ["wrangler.toml", "[[kv_namespaces]]\nid = 1", /wrangler\.toml: kv_namespaces\.0\.binding: /],
    ["wrangler.toml", "compatibility_date = 2026-01-31", /compatibility_date: expected a string such as/],
    ["wrangler.toml", 'name = "a b"', /name: expected letters/],
    ["wrangler.toml", 'name = "a"', /does not say which module is the Worker \(main\)/],
  ])("%s: %s", (name, text, message) => {
    const folder = project({ [name]: text });
    expect(() => readProject(folder)).toThrow(
      expect.objectContaining({
        name: "UserError",
        code: "worker-config-invalid",
        message: expect.stringMatching(message),
      }),
    );
  });

  test.each([
    [{}, "missing.ts", /there is no .*missing\.ts/],
    [{}, ".", /has no wrangler\.json, wrangler\.jsonc, wrangler\.toml/],
    [{ "wrangler.toml": 'main = "gone.ts"' }, ".", /there is no .*gone\.ts, which wrangler\.toml names as main/],
  ])("a Worker that is not there: %j %s", (files, location, message) => {
    const folder = project(files);
    expect(() => readProject(path.join(folder, location))).toThrow(
      expect.objectContaining({ code: "worker-not-found", message: expect.stringMatching(message) }),
    );
  });
});

test("JSON may have comments and trailing commas, and strings keep what looks like them", () => {
  const text =
    '\uFEFF{ // one\n "a": "// no /* no */ ,]", /* two\n */ "b": [1, 2, /* three */ ], "c\\"": {"d": 1,\n}, }';
  expect(parseJsonc(text)).toEqual({ a: "// no /* no */ ,]", b: [1, 2], 'c"': { d: 1 } });
  for (const wrong of [
    "{,}",
    "[,]",
    "[1,,2]",
    '{"a" 1}',
    "",
    "[1] // ok\n x",
    "{x: 1}",
    "[1",
    '["a\nb"]',
    "[/* ]",
    "[".repeat(9999),
  ])
    expect(() => parseJsonc(wrong)).toThrow(SyntaxError);
});
