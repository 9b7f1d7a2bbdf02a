import { describe, expect, it } from "vitest";
import { registry } from "../../src/cli/registry.ts";
import { pubsub } from "./world.ts";

describe("help", () => {
  it("begins with examples, for the program and for every command", async () => {
    for (const argv of [["--help"], ["-h"], [], ["help"]]) {
      const { code, stdout, stderr } = await pubsub(argv);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^Examples:\n {2}pubsub dev /);
    }
    for (const { path } of registry) {
      const { code, stdout } = await pubsub([...path.split(" "), "-h"]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Examples:\n {2}.*\bpubsub /);
      expect(stdout).toContain(`Usage: pubsub ${path} `);
    }
  });

  it("names every command that is not hidden, and every exit code", async () => {
    const { stdout } = await pubsub(["--help"]);
    for (const { path, hidden } of registry) {
      const [first, second] = path.split(" ");
      const line = stdout.split("\n").find((each) => each.startsWith(`  ${first} `) && !each.includes("pubsub "));
      if (second === undefined) {
        expect(line === undefined, path).toBe(hidden === true);
        continue;
      }
      expect(line, path).toBeDefined();
      const verbs = line!.trim().split(/ +/)[1]!.split("|");
      expect(verbs.includes(second), path).toBe(hidden !== true);
    }
    expect(stdout).toMatch(/ {2}27 +timed out\n/);
  });

  it("is the same as `help COMMAND`", async () => {
    expect((await pubsub(["help", "broker", "create"])).stdout).toBe(
      (await pubsub(["broker", "create", "--help"])).stdout,
    );
  });

  it("of examples is true: each of them is understood", async () => {
    const { stdout } = await pubsub(["--help"]);
    expect(stdout).toContain("pubsub broker update dev --on-publish-url http://127.0.0.1:8787/");
    for (const { load, path } of registry) {
      const { default: module } = await load();
      for (const example of module.examples) {
        const [line = ""] = example.split(/ {3,}/);
        // In a shell's line ours is one of the commands.
        const [, own = line] = /^\$ .*?\bpubsub ([^)]*)/.exec(line) ?? [];
        const words = own.match(/'[^']*'|"[^"]*"|\S+/g)!;
        const argv = words.map((word) => word.replaceAll(/^['"]|['"]$/g, ""));
        // What is behind `--`, `|` and `&&` is for others.
        const end = argv.findIndex((word) => ["--", "|", "&&", "||", "&"].includes(word));
        const { stderr } = await pubsub([...argv.slice(0, end === -1 ? argv.length : end), "--help"]);
        expect(stderr, `${path}: ${example}`).toBe("");
      }
    }
  });

  it("shows where no command is named in a group, as wrong usage", async () => {
    const { code, stdout, stderr } = await pubsub(["broker"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("public-keys");
    expect(stderr).not.toContain("show-revocations");
  });
});

describe("mistakes", () => {
  it.each([
    [["brokr", "list"], "unknown command 'brokr'", "Did you mean broker?"],
    [["broker", "lst"], "unknown command 'lst'", "Did you mean list?"],
    [["pub", "a", "b", "--retian"], "unknown option '--retian'", "Did you mean --retain?"],
    [["broker", "create"], "missing required argument 'name'", "--help"],
    [["sub", "a", "-C"], "option '-C, --count <count>' argument missing", "--help"],
    [["token", "issue", "--type", "PASSWORD"], '--type takes TOKEN, MTLS, not "PASSWORD"', "--help"],
  ])("%j", async (argv, message, hint) => {
    const { code, stdout, stderr } = await pubsub(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    const json = await pubsub([...argv.slice(0, 1), "--json", ...argv.slice(1)]);
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "usage" } });
  });
});

describe("global options", () => {
  const client = { listNamespaces: async () => [] };

  it("are understood before the command and after it", async () => {
    for (const argv of [
      ["--json", "namespace", "list"],
      ["namespace", "--json", "list"],
      ["namespace", "list", "--json"],
    ]) {
      expect((await pubsub(argv, { client })).stdout).toBe("[]\n");
    }
  });

  it("name the server", async () => {
    const argv = ["--api-url", "http://x/client/v4/", "namespace", "list", "--api-token", "t", "--account-id", "a"];
    expect((await pubsub(argv, { client })).clients).toEqual([
      { baseUrl: "http://x/client/v4", apiToken: "t", accountId: "a" },
    ]);
  });

  it("colour errors where it is wanted", async () => {
    const failing = { client: {}, env: { PUBSUB_NAMESPACE: "_" } };
    expect((await pubsub(["broker", "list", "--color"], failing)).stderr).toContain("\u001b[31merror:");
    expect((await pubsub(["broker", "list", "--color", "--no-color"], failing)).stderr).not.toContain("\u001b[");
    expect((await pubsub(["broker", "list"], { ...failing, isTTY: true })).stderr).toContain("\u001b[31merror:");
  });
});

it("prints its version", async () => {
  const { code, stdout } = await pubsub(["--version"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
