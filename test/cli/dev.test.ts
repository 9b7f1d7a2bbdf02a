import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { ServerOptions } from "../../src/app.ts";
import { dev } from "../../src/cli/commands/dev.ts";
import { CommandContext } from "../../src/cli/context.ts";
import { InterruptedError } from "../../src/cli/errors.ts";
import type { Configuration } from "../../src/cli/settings/configuration.ts";
import { UserError } from "../../src/errors.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { createTestWorld, devContext, fakeOwnBroker, runningServer } from "./world.ts";

function startDev(options: Parameters<typeof dev>[1], env: Record<string, string> = {}, failed?: Promise<never>) {
  const configFolder = temporaryFolder();
  const { world, ...test } = createTestWorld({ env: { PUBSUB_CONFIG_DIR: configFolder, ...env } });
  const started: ServerOptions[] = [];
  let closed = false;
  const all = options.persistTo === undefined ? { memory: true, ...options } : options;
  const finished = dev(new CommandContext(world, all), all, async (serverOptions) => {
    started.push(serverOptions);
    return {
      ...runningServer,
      ownBroker: fakeOwnBroker(serverOptions),
      ...(failed && { failed }),
      close: async () => {
        closed = true;
      },
    };
  });
  return { ...test, started, finished, configFolder, isClosed: () => closed };
}

describe("dev", () => {
  it("ends with an error when the disk fails", async () => {
    let fail: (error: Error) => void = () => {};
    const failed = new Promise<never>((_, reject) => (fail = reject));
    const test = startDev({}, {}, failed);
    await test.stderr.until("Ctrl-C");
    fail(new UserError("data-lost", "the disk did not keep what was written"));
    await expect(test.finished).rejects.toMatchObject({ code: "data-lost" });
    expect(test.isClosed()).toBe(true);
  });

  it("asks for namespace and broker, tells where it is, and remembers itself", async () => {
    const readyFile = path.join(temporaryFolder(), "ready file ü.json");
    const test = startDev({ readyFile, json: true });
    await test.stderr.until("Ctrl-C");
    const ready = JSON.parse(readFileSync(readyFile, "utf8")) as object;
    const known = { ...runningServer, namespace: "local", broker: "dev" };
    expect(ready).toEqual({ v: 1, pid: process.pid, ...known, clientId: "client-1", clientToken: "token-1" });
    expect(statSync(readyFile).mode & 0o777).toBe(0o600);
    expect(JSON.parse(test.stdout.text)).toEqual(ready);
    expect(test.stdout.text.trimEnd()).not.toContain("\n");
    expect(test.started).toMatchObject([{ ownBroker: { namespace: "local", broker: "dev" } }]);
    const configuration = path.join(test.configFolder, "config.json");
    expect(JSON.parse(readFileSync(configuration, "utf8"))).toEqual({
      current: "dev",
      contexts: { dev: { ...known, pid: process.pid } },
    });
    expect(statSync(configuration).mode & 0o777).toBe(0o600);
    // Redirected output is kept somewhere; the token is a secret.
    expect(test.stderr.text).not.toContain("secret");

    test.abort(new InterruptedError("SIGINT"));
    await test.finished;
    expect(test.isClosed()).toBe(true);
    expect(existsSync(readyFile)).toBe(false);
  });

  it("gives a server that it has hidden back to other commands, where that one still runs", async () => {
    const folder = temporaryFolder();
    const configuration = path.join(folder, "config.json");
    const read = () => JSON.parse(readFileSync(configuration, "utf8")) as Configuration;
    const address = { ...runningServer, api: "http://127.0.0.1:8880/client/v4", namespace: "local", broker: "dev" };
    const noSuchProcess = 2 ** 30;
    for (const pid of [process.ppid, noSuchProcess]) {
      writeFileSync(configuration, JSON.stringify({ current: "dev", contexts: { dev: { ...address, pid } } }));
      const test = startDev({}, { PUBSUB_CONFIG_DIR: folder });
      await test.stderr.until("Ctrl-C");
      expect(read().contexts?.["dev"]?.pid).toBe(process.pid);
      test.abort(new InterruptedError("SIGINT"));
      await test.finished;
      expect(read().contexts?.["dev"]?.pid).toBe(pid === noSuchProcess ? process.pid : pid);
    }
    // A third one has taken the name meanwhile.
    const third = { current: "dev", contexts: { dev: { ...address, pid: noSuchProcess } } };
    writeFileSync(
      configuration,
      JSON.stringify({ current: "dev", contexts: { dev: { ...address, pid: process.ppid } } }),
    );
    const test = startDev({}, { PUBSUB_CONFIG_DIR: folder });
    await test.stderr.until("Ctrl-C");
    writeFileSync(configuration, JSON.stringify(third));
    test.abort(new InterruptedError("SIGINT"));
    await test.finished;
    expect(read()).toEqual(third);
  });

  it("passes its options on, and sets the hook", async () => {
    const options = {
      host: "127.0.0.1",
      port: 0,
      wsPort: 0,
      apiPort: 0,
      connectionsPerAddress: 8,
      connectBytes: 4096,
      connectTimeout: 3,
      persistTo: "data",
      allowAnonymous: true,
      namespace: "shop",
      broker: "orders",
      onPublishUrl: "http://127.0.0.1:8787/",
    };
    const test = startDev(options, { PUBSUB_API_TOKEN: "mine" });
    await test.stderr.until("Ctrl-C");
    expect(test.started).toMatchObject([
      {
        host: "127.0.0.1",
        port: 0,
        wsPort: 0,
        apiPort: 0,
        persistTo: path.resolve("data"),
        anonymous: { namespace: "shop", broker: "orders" },
        limits: { connectionsPerAddressMax: 8, connectBytesMax: 4096, connectTimeoutMs: 3000 },
        apiToken: "mine",
        ownBroker: { namespace: "shop", broker: "orders", onPublish: { url: "http://127.0.0.1:8787/" } },
      },
    ]);
    expect(test.stderr.text).toMatch(/Hook +http:\/\/127.0.0.1:8787\//);
    expect(test.stderr.text).toContain("warning: clients without credentials may enter shop/orders");
    test.abort(new InterruptedError("SIGTERM"));
    await test.finished;
  });

  it("that is stopped while it starts ends well, and is not remembered", async () => {
    const { world, abort, stderr } = createTestWorld();
    const dir = world.env["PUBSUB_CONFIG_DIR"]!;
    const options = { memory: true };
    const finished = dev(new CommandContext(world, {}), options, async ({ signal }) => {
      const aborted = new Promise<never>((_, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason as Error));
      });
      abort(new InterruptedError("SIGTERM"));
      return await aborted;
    });
    await finished;
    expect(stderr.text).toBe("");
    expect(existsSync(path.join(dir, "config.json"))).toBe(false);
  });

  it("that is stopped when it has just started, or while its Worker starts, is closed", async () => {
    for (const worker of [undefined, new Promise<never>(() => {})]) {
      const { world, abort } = createTestWorld();
      const options = { memory: true };
      let closed = false;
      const close = async () => void (closed = true);
      await dev(new CommandContext(world, {}), options, async (serverOptions) => {
        if (worker === undefined) abort(new InterruptedError("SIGTERM"));
        else setImmediate(() => abort(new InterruptedError("SIGINT")));
        return { ...runningServer, ownBroker: fakeOwnBroker(serverOptions), ...(worker && { worker }), close };
      });
      expect(closed).toBe(true);
      expect(existsSync(path.join(world.env["PUBSUB_CONFIG_DIR"]!, "config.json"))).toBe(false);
    }
  });

  it("that is stopped before its program runs says so", async () => {
    const { world, abort } = createTestWorld();
    const options = { memory: true, exec: true };
    const finished = dev(new CommandContext(world, {}), options, async (serverOptions) => {
      abort(new InterruptedError("SIGTERM"));
      return { ...runningServer, ownBroker: fakeOwnBroker(serverOptions), close: async () => {} };
    });
    await expect(finished).rejects.toMatchObject({ exitCode: 143 });
  });

  it("stops the server when what follows fails", async () => {
    const test = startDev({ readyFile: path.join(temporaryFolder(), "missing", "ready.json") });
    await expect(test.finished).rejects.toMatchObject({ code: "file-unwritable" });
    expect(test.isClosed()).toBe(true);
  });

  it("removes a ready file that a killed server left behind, before it starts", async () => {
    const readyFile = path.join(temporaryFolder(), "ready.json");
    writeFileSync(readyFile, "{}");
    const test = startDev({ readyFile, broker: "1-bad" });
    await expect(test.finished).rejects.toMatchObject({ code: "usage" });
    expect(existsSync(readyFile)).toBe(true);
    const { world } = createTestWorld();
    const busy = async () => await Promise.reject(new UserError("port-in-use", "the port is in use"));
    await expect(dev(new CommandContext(world, {}), { readyFile }, busy)).rejects.toMatchObject({
      code: "port-in-use",
    });
    expect(existsSync(readyFile)).toBe(false);
  });

  it("does not start with a configuration that it could not write to", async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "config.json"), "{");
    const test = startDev({}, { PUBSUB_CONFIG_DIR: folder });
    await expect(test.finished).rejects.toMatchObject({ code: "config-invalid" });
    expect(test.started).toEqual([]);
  });

  it("serves where the configuration cannot be written, and says so", async () => {
    const file = path.join(temporaryFolder(), "a-file");
    writeFileSync(file, "");
    const test = startDev({}, { PUBSUB_CONFIG_DIR: path.join(file, "below") });
    await test.stderr.until("Ctrl-C");
    expect(test.stderr.text).toContain("cannot be written");
    expect(test.stderr.text).toMatch(/API token +kept nowhere .*PUBSUB_API_TOKEN/);
    test.abort(new InterruptedError("SIGTERM"));
    await test.finished;
  });

  it("leaves no signal handlers of libraries behind", async () => {
    const before = process.listenerCount("SIGTERM");
    const test = startDev({});
    await test.stderr.until("Ctrl-C");
    expect(process.listenerCount("SIGTERM")).toBe(before);
    test.abort(new InterruptedError("SIGTERM"));
    await test.finished;
  });

  it("keeps the contexts of other servers", async () => {
    const folder = temporaryFolder();
    const contexts = { other: devContext };
    writeFileSync(path.join(folder, "config.json"), JSON.stringify({ current: "other", contexts }));
    const test = startDev({}, { PUBSUB_CONFIG_DIR: folder });
    await test.stderr.until("Ctrl-C");
    const written = JSON.parse(readFileSync(path.join(folder, "config.json"), "utf8")) as typeof contexts;
    expect(written).toMatchObject({ current: "dev", contexts: { other: devContext, dev: { api: runningServer.api } } });
    test.abort(new InterruptedError("SIGTERM"));
    await test.finished;
  });
});
