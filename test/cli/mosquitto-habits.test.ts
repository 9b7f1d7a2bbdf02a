/** What those type who are used to mosquitto's clients: it works, or the answer says what to write. */
import { describe, expect, it } from "vitest";
import { startFakeBroker } from "./fake-broker.ts";
import { pubsub } from "./world.ts";

describe.each(["pub", "sub", "request"])("%s", (command) => {
  it.each([
    [["-h", "localhost", "-t", "a"], "--url mqtt://HOST:PORT"],
    [["-t", "a", "--host", "localhost"], "--url mqtt://HOST:PORT"],
    [["-p", "1883", "-t", "a"], "--url mqtt://HOST:PORT"],
    [["--port", "1883"], "--url mqtt://HOST:PORT"],
    [["-L", "mqtt://localhost/a"], "--url mqtt://USER:PASSWORD@HOST:PORT"],
    [["--pw", "secret"], "--token-file"],
    [["--id", "me"], "--client-id"],
    [["-I", "me"], "--client-id"],
    [["--capath", "/etc/ssl"], "--cafile"],
    [["--insecure"], "--cafile"],
    [["-d"], "pubsub tail"],
    [["-k", "30"], "--timeout"],
    [["--protocol-version", "5"], "--mqtt-version"],
  ])("%j", async (argv, remedy) => {
    const { code, stdout, stderr } = await pubsub([command, ...argv]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(remedy);
  });

  it("-h alone is help, and names none of them", async () => {
    const { code, stdout } = await pubsub([command, "-h"]);
    expect(code).toBe(0);
    expect(stdout).not.toContain("--port");
  });
});

it("-i, -u, -P and -V are what they are there", async () => {
  const broker = await startFakeBroker();
  const argv = ["pub", "-t", "a", "-m", "b", "-i", "me", "-u", "you", "-P", "secret", "-V", "mqttv311"];
  expect(await pubsub([...argv, "--url", broker.url])).toMatchObject({ code: 0 });
  expect(broker.received[0]).toMatchObject({ cmd: "connect", clientId: "me", username: "you", protocolVersion: 4 });
  expect(String((broker.received[0] as { password?: Buffer }).password)).toBe("secret");
});
