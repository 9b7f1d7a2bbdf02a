/** The command line against the server it starts: what a new user does in the first minutes, and gets wrong. */
import { existsSync, statSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { World, hasMosquitto } from "./world.ts";

describe("a life cycle without a flag", () => {
  test("create, describe, update, issue, revoke, unrevoke, delete", async () => {
    const world = await World.create();
    await world.dev();
    const json = async (...args: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await world.run([...args, "--json"]);
      expect([args, code, stderr]).toEqual([args, 0, ""]);
      return stdout === "" ? undefined : (JSON.parse(stdout) as unknown);
    };
    expect(await json("namespace", "create", "plant", "--description", "north")).toMatchObject({ name: "plant" });
    expect(await json("namespace", "list")).toMatchObject([{ name: "local" }, { name: "plant" }]);
    const at = ["--namespace", "plant"];
    expect(await json("broker", "create", "Roof", ...at, "--expiration", "1mo")).toMatchObject({
      name: "roof",
      expiration: 30 * 86_400,
    });
    expect(await json("broker", "update", "roof", ...at, "--on-publish-url", "http://127.0.0.1:9/")).toMatchObject({
      on_publish: { url: "http://127.0.0.1:9/" },
    });
    expect(await json("broker", "update", "roof", ...at, "--no-on-publish")).not.toHaveProperty("on_publish");
    await json("broker", "update", "roof", ...at, "--limits", "cloudflare-beta", "--limit", "topicLevelsMax=4");
    expect(await json("broker", "update", "roof", ...at, "--limit", "receiveMaximum=5")).toMatchObject({
      limits: { profile: "cloudflare-beta", topicLevelsMax: 4, receiveMaximum: 5 },
    });
    const tokens = (await json("token", "issue", "roof", ...at, "--client-id", "a", "--client-id", "b")) as object;
    expect(Object.keys(tokens)).toEqual(["a", "b"]);
    await json("token", "revoke", "roof", ...at, "--jti", "x", "--jti", "y");
    await json("token", "unrevoke", "roof", ...at, "--jti", "x");
    expect(await json("token", "revocations", "roof", ...at)).toEqual(["y"]);
    expect(await json("broker", "public-keys", "roof", ...at)).toMatchObject({ keys: [{ alg: "EdDSA" }] });
    await json("broker", "delete", "roof", ...at, "--yes");
    await json("namespace", "delete", "plant", "--yes");
    expect(await json("namespace", "list")).toMatchObject([{ name: "local" }]);
  });

  test("pub and sub find the server, and the ready file says where it is", async () => {
    const world = await World.create();
    const ready = await world.dev();
    expect(Object.keys(ready).filter((key) => key !== "process")).toEqual(
      expect.arrayContaining(["v", "pid", "api", "apiToken", "accountId", "mqtt", "ws", "namespace", "broker"]),
    );
    expect(ready).toMatchObject({ v: 1, pid: ready.process.child.pid, namespace: "local", broker: "dev" });
    expect(statSync(join(world.folder, "ready.json")).mode & 0o777).toBe(0o600);
    expect(statSync(join(world.folder, "config", "config.json")).mode & 0o777).toBe(0o600);
    const subscriber = world.start("sub", "#", "-C", "2", "-v");
    await subscriber.prints("stderr", "subscribed");
    expect(await world.run(["pub", "hello", "world"])).toMatchObject({ code: 0, stdout: "" });
    expect(await world.run(["pub", "from/stdin", "-s", "-q", "2"], "a\nb")).toMatchObject({ code: 0 });
    expect(await subscriber.finished).toMatchObject({ code: 0, stdout: "hello world\nfrom/stdin a\nb\n" });
    expect(await ready.process.stop("SIGINT")).toMatchObject({ code: 0 });
    expect(existsSync(join(world.folder, "ready.json"))).toBe(false);
  });

  test("--persist-to keeps brokers and their keys, and a second server is kept out", async () => {
    const world = await World.create();
    const data = join(world.folder, "data");
    const first = await world.dev("--persist-to", data);
    expect((await world.run(["broker", "create", "kept"])).code).toBe(0);
    const second = await world.run(["dev", "--port", "0", "--ws-port", "0", "--api-port", "0", "--persist-to", data]);
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining(String(first.pid)) });
    await first.process.stop();
    const again = await world.dev("--persist-to", data);
    expect((await world.run(["broker", "describe", "kept"])).code).toBe(0);
    const publish = ["pub", "t", "x", "-q", "1", "--client-id", first.clientId, "--token", first.clientToken];
    expect(await world.run([...publish, "--url", again.mqtt])).toMatchObject({ code: 0 });
  });

  test.runIf(hasMosquitto)("--allow-anonymous lets clients without a token in, on loopback", async () => {
    const world = await World.create();
    const { mqtt } = await world.dev("--allow-anonymous");
    const subscriber = world.spawn("mosquitto_sub", [
      "-p",
      new URL(mqtt).port,
      "-t",
      "#",
      "-C",
      "1",
      "-V",
      "mqttv31",
      "-R",
    ]);
    const tail = world.start("tail", "-W", "0.1", "--json");
    await tail.finished;
    const publisher = async () =>
      world.spawn("mosquitto_pub", ["-p", new URL(mqtt).port, "-t", "t", "-m", "x"]).finished;
    // mosquitto_sub does not say when it is subscribed: messages are sent until it has one.
    while (subscriber.child.exitCode === null) expect((await publisher()).code).toBe(0);
    expect(await subscriber.finished).toMatchObject({ code: 0, stdout: "x\n" });
  });
});

describe("bad input: one line, a remedy, an exit code", () => {
  const oneError = (stderr: string) => stderr.trim().split("\n").length;

  test.each<[string, string[], number, RegExp]>([
    ["unknown broker", ["broker", "describe", "nope"], 5, /no broker nope/],
    ["unknown namespace", ["broker", "list", "--namespace", "nope"], 5, /no namespace nope|namespace nope/],
    ["bad name", ["namespace", "create", "9_x"], 2, /cannot be the name/],
    ["bad hook URL", ["broker", "update", "--on-publish-url", "http://example.com/"], 2, /https/],
    ["bad duration", ["token", "issue", "--expiration", "soon"], 2, /soon/],
    ["bad number", ["token", "issue", "--number", "0"], 2, /1/],
    ["unknown command", ["brokr", "list"], 2, /broker/],
    ["unknown option", ["pub", "a", "b", "--colour-me"], 2, /--colour-me/],
    ["delete without --yes", ["broker", "delete", "dev"], 2, /--yes/],
    ["bad limit", ["broker", "update", "dev", "--limit", "packets=1"], 2, /packetsPerSecondMax/],
    ["bad filter", ["sub", "a/#/b"], 2, /topic filter/],
  ])("%s", async (_name, args, code, text) => {
    const world = await World.create();
    await world.dev();
    const finished = await world.run(args);
    expect(finished).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(text) });
    expect(oneError(finished.stderr)).toBeLessThanOrEqual(2);
    expect(finished.stderr).not.toMatch(/\n\s+at /);
  });

  test("a port in use, a server that is not running, a configuration that is not JSON", async () => {
    const world = await World.create();
    // Port 2: at the default one somebody's server may listen.
    const none = await world.run(["namespace", "list", "--api-url", "http://127.0.0.1:2/client/v4"]);
    expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining("pubsub dev") });
    const { mqtt, process: server } = await world.dev();
    const taken = await world.run([
      "dev",
      "--memory",
      "--port",
      new URL(mqtt).port,
      "--ws-port",
      "0",
      "--api-port",
      "0",
    ]);
    expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/in use[^]*--port/) });
    await server.stop();
    mkdirSync(join(world.folder, "config"), { recursive: true });
    writeFileSync(join(world.folder, "config", "config.json"), "{");
    const broken = await world.run(["namespace", "list"]);
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringMatching(/config\.json[^]*JSON/) });
  });

  test("a hook that does not answer drops the message, and tail says so", async () => {
    const world = await World.create();
    await world.dev("--on-publish-url", "http://127.0.0.1:9/");
    const tail = world.start("tail", "--event", "hook", "--json", "-C", "1");
    await tail.prints("stderr", "listening");
    expect((await world.run(["pub", "t", "x", "-q", "1"])).code).toBe(0);
    const event = JSON.parse((await tail.finished).stdout) as object;
    expect(event).toMatchObject({ event: "hook", verdict: "dropped", reason: "hook-unreachable" });
  });

  test("errors with --json are JSON; | head ends quietly", async () => {
    const world = await World.create();
    await world.dev();
    const { stderr } = await world.run(["broker", "describe", "nope", "--json"]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "broker-not-found" } });
    const script = `"$0" "$1" sub '#' -R | head -1; echo "\${PIPESTATUS[0]}"`;
    const head = world.spawn("bash", ["-c", script, process.execPath, program()]);
    await head.prints("stderr", "subscribed");
    while (!head.stdout.includes("\n0")) {
      expect((await world.run(["pub", "t", "x"])).code).toBe(0);
    }
    expect(await head.finished).toMatchObject({ stdout: "x\n0\n" });
  });
});
