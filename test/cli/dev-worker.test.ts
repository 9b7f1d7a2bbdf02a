import { describe, expect, it } from "vitest";
import type { RunningServer, ServerOptions } from "../../src/app.ts";
import { dev } from "../../src/cli/commands/dev.ts";
import { CommandContext } from "../../src/cli/context.ts";
import { splitArguments } from "../../src/cli/server/dev-worker.ts";
import { InterruptedError } from "../../src/cli/errors.ts";
import { UserError } from "../../src/errors.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { createTestWorld, fakeOwnBroker, runningServer } from "./world.ts";

function startDev(options: Parameters<typeof dev>[1], worker: RunningServer["worker"]) {
  const { world, ...test } = createTestWorld({ env: { PUBSUB_CONFIG_DIR: temporaryFolder() } });
  const started: ServerOptions[] = [];
  const all = { memory: true, ...options };
  const start = async (serverOptions: ServerOptions) => {
    started.push(serverOptions);
    return { ...runningServer, ownBroker: fakeOwnBroker(serverOptions), worker, close: async () => {} };
  };
  const finished = dev(new CommandContext(world, all), all, start, { worker: "src/worker.ts", command: [] });
  return { ...test, started, finished };
}

describe("the arguments of dev", () => {
  it.each([
    [["w.ts"], ["dev", "w.ts"], false, { worker: "w.ts", command: [] }],
    [[], ["dev"], false, { worker: undefined, command: [] }],
    [["npm", "test"], ["dev", "--exec", "--", "npm", "test"], true, { worker: undefined, command: ["npm", "test"] }],
    [["w.ts", "npm"], ["dev", "w.ts", "--exec", "--", "npm"], true, { worker: "w.ts", command: ["npm"] }],
    [["npm", "test"], ["dev", "--exec", "npm", "test"], true, { worker: undefined, command: ["npm", "test"] }],
  ])("%j of %j", (args, argv, exec, expected) => {
    expect(splitArguments(args, argv, exec)).toEqual(expected);
  });

  it.each([
    [["a.ts", "b.ts"], ["dev", "a.ts", "b.ts"], false, '"b.ts" is one argument too many'],
    [["npm"], ["dev", "--", "npm"], false, '"npm" is one argument too many'],
    [["w.ts"], ["dev", "w.ts", "--exec", "--"], true, "--exec needs a program"],
    [[], ["dev", "--exec"], true, "--exec needs a program"],
  ])("refuses %j of %j", (args, argv, exec, message) => {
    expect(() => splitArguments(args, argv, exec)).toThrow(message);
  });
});

describe("dev with a Worker", () => {
  it("has the server run it for its broker, and shows what it says", async () => {
    const addresses = { isHook: true, url: "http://127.0.0.1:9999/", inspector: "http://127.0.0.1:9229/" };
    const test = startDev({ service: ["../other"], inspectorPort: 9229 }, Promise.resolve(addresses));
    await test.stderr.until("Ctrl-C");
    const [{ worker }] = test.started as [ServerOptions];
    expect(worker).toMatchObject({
      location: "src/worker.ts",
      services: ["../other"],
      inspectorPort: 9229,
      broker: { namespace: "local", broker: "dev" },
    });
    worker!.onOutput({ kind: "log", text: "one\ntwo" });
    worker!.onOutput({ kind: "exception", text: "Error: no\n  at x" });
    worker!.onOutput({ kind: "remark", text: "no AI here" });
    expect(test.stderr.text).toContain("src/worker.ts, reloaded on save");
    expect(test.stderr.text).toContain("http://127.0.0.1:9229/");
    expect(test.stderr.text).toContain("worker   one\n         two\n");
    expect(test.stderr.text).toContain("worker   uncaught Error: no\n           at x\n");
    expect(test.stderr.text).toContain("warning: no AI here");
    expect(test.stdout.text).toBe("");
    test.abort(new InterruptedError("SIGINT"));
    await test.finished;
  });

  it("ends with what keeps the Worker from starting", async () => {
    const test = startDev({}, Promise.reject(new UserError("worker-failed", "the Worker does not start")));
    await expect(test.finished).rejects.toMatchObject({ code: "worker-failed" });
  });

  it("has no other hook", async () => {
    const test = startDev({ onPublishUrl: "http://127.0.0.1:1/" }, undefined);
    await expect(test.finished).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("--on-publish-url"),
    });
  });
});
