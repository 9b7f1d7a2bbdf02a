/** TLS, secure WebSocket, the local authority, IPv6 and Unix sockets: the built program with clients that are not ours. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { MqttClient, connectAsync } from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { connectSecurely, exchange, refusal } from "./tls-tools.ts";
import { type Ready, World, brokerPath, callApi, hasMosquitto, issueToken, portOf } from "./world.ts";

describe("MQTT.js", () => {
  test.each([
    ["5.0 over TLS", 5, "mqtts"],
    ["3.1.1 over TLS", 4, "mqtts"],
    ["5.0 over secure WebSocket", 5, "wss"],
    ["3.1.1 over secure WebSocket", 4, "wss"],
  ] as const)("%s", async (_name, protocolVersion, scheme) => {
    const ready = await (await World.create()).dev();
    const open = async (clientId: string) =>
      await connectSecurely(
        ready,
        { protocolVersion, clientId, password: await issueToken(ready, clientId) },
        ready[scheme],
      );
    expect(await exchange(await open("a"), await open("b"))).toBe("over TLS");
  });

  test("without the authority's certificate nobody is fooled", async () => {
    const ready = await (await World.create()).dev();
    await expect(connectAsync(ready.mqtts, { reconnectPeriod: 0 }, false)).rejects.toMatchObject({
      code: "SELF_SIGNED_CERT_IN_CHAIN",
    });
  });

  test("IPv4, IPv6 and names of the loopback", async () => {
    const ready = await (await World.create()).dev();
    const port = portOf(ready.mqtts);
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
      const url = `mqtts://${host}:${port}`;
      await connectSecurely(ready, { clientId: "a", password: await issueToken(ready, "a") }, url);
      // MQTT.js makes no URL of an IPv6 address.
      const socket = new WebSocket(`wss://${host}:${portOf(ready.wss)}/mqtt`, "mqtt", { ca: readFileSync(ready.ca) });
      await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
      socket.terminate();
    }
  });

  test("a large message, both ways", async () => {
    const ready = await (await World.create()).dev();
    const client = await connectSecurely(ready, { clientId: "a", password: await issueToken(ready, "a") });
    const payload = Buffer.alloc(3_000_000, "0123456789");
    const arrived = new Promise<Buffer>((resolve) => client.once("message", (_topic, received) => resolve(received)));
    await client.subscribeAsync("large", { qos: 2 });
    await client.publishAsync("large", payload, { qos: 2 });
    expect((await arrived).equals(payload)).toBe(true);
  });
});

describe.runIf(hasMosquitto)("mosquitto_pub and mosquitto_sub", () => {
  test.each(["mqttv5", "mqttv311"])("%s with --cafile", async (version) => {
    const world = await World.create();
    const ready = await world.dev();
    const options = async (clientId: string) => [
      ...["-h", "localhost", "-p", portOf(ready.mqtts), "--cafile", ready.ca, "-V", version],
      ...["-i", clientId, "-u", "anything", "-P", await issueToken(ready, clientId)],
    ];
    const tail = world.start("tail", "--json", "--event", "subscribe");
    await tail.prints("stderr", "listening");
    const subscriber = world.spawn("mosquitto_sub", [...(await options("s")), "-t", "#", "-q", "1", "-v", "-C", "1"]);
    await tail.prints("stdout", '"event":"subscribe"');
    const publisher = world.spawn("mosquitto_pub", [...(await options("p")), "-t", "a", "-m", "hello", "-q", "1"]);
    expect(await publisher.finished).toMatchObject({ code: 0, stderr: "" });
    expect(await subscriber.finished).toMatchObject({ code: 0, stdout: "a hello\n" });
  });

  test("over a Unix socket", async () => {
    const world = await World.create();
    const socket = join(world.folder, "mqtt.sock");
    const ready = await world.dev("--socket", socket);
    const args = [
      "--unix",
      socket,
      "-i",
      "a",
      "-u",
      "x",
      "-P",
      await issueToken(ready, "a"),
      "-t",
      "a",
      "-m",
      "b",
      "-q",
      "1",
    ];
    expect(await world.spawn("mosquitto_pub", args).finished).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("openssl s_client", () => {
  async function handshake(world: World, ready: Ready, ...args: string[]): Promise<string> {
    const running = world.spawn("openssl", ["s_client", "-connect", `127.0.0.1:${portOf(ready.mqtts)}`, ...args]);
    running.child.stdin!.end();
    const { stdout, stderr } = await running.finished;
    return stdout + stderr;
  }

  test("the certificate is valid for what is asked for, and for nothing else", async () => {
    const world = await World.create();
    const ready = await world.dev();
    const verified = ["-CAfile", ready.ca, "-verify_return_error", "-brief"];
    const names = ["dev.local.localhost", "other.local.localhost", "localhost"];
    for (const name of names) {
      const output = await handshake(world, ready, ...verified, "-servername", name, "-verify_hostname", name);
      expect([name, output]).toEqual([name, expect.stringContaining("Verification: OK")]);
    }
    const stranger = ["-servername", "dev.nowhere.localhost", "-verify_hostname", "dev.nowhere.localhost"];
    expect(await handshake(world, ready, ...verified, ...stranger)).toContain("hostname mismatch");
  });

  test("a namespace that is created later gets its certificate", async () => {
    const world = await World.create();
    const ready = await world.dev();
    const name = ["-servername", "b.later.localhost", "-verify_hostname", "b.later.localhost"];
    const args = ["-CAfile", ready.ca, "-verify_return_error", "-brief", ...name];
    expect(await handshake(world, ready, ...args)).toContain("hostname mismatch");
    await callApi(ready, "POST", "", { name: "later" });
    expect(await handshake(world, ready, ...args)).toContain("Verification: OK");
  });

  test("TLS 1.2 and 1.3, nothing older", async () => {
    const world = await World.create();
    const ready = await world.dev();
    expect(await handshake(world, ready, "-tls1_2", "-brief")).toContain("Protocol version: TLSv1.2");
    expect(await handshake(world, ready, "-tls1_3", "-brief")).toContain("Protocol version: TLSv1.3");
    expect(await handshake(world, ready, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")).toContain("alert protocol version");
  });

  test("ALPN: mqtt is taken, others are refused (RFC 7301 §3.2)", async () => {
    const world = await World.create();
    const ready = await world.dev();
    expect(await handshake(world, ready, "-alpn", "x,mqtt")).toContain("ALPN protocol: mqtt");
    expect(await handshake(world, ready, "-alpn", "h2")).toContain("alert no application protocol");
  });
});

describe("which broker", () => {
  async function twoBrokers(): Promise<{ ready: Ready; token: string; otherToken: string }> {
    const ready = await (await World.create()).dev();
    await callApi(ready, "POST", `/${ready.namespace}/brokers`, { name: "other" });
    const token = await issueToken(ready, "c");
    return { ready, token, otherToken: await issueToken({ ...ready, broker: "other" }, "c") };
  }
  const NOT_AUTHORIZED = 0x87;

  test("the TLS server name and the token must agree", async () => {
    const { ready, token, otherToken } = await twoBrokers();
    const open = (servername: string, password: string) =>
      connectSecurely(ready, { clientId: "c", password, servername });
    await open("dev.local.localhost", token);
    await open("DEV.Local.localhost", token);
    await open("other.local.localhost", otherToken);
    // A name that is no broker's says nothing.
    await open("localhost", otherToken);
    const [code, reason] = await refusal(open("dev.local.localhost", otherToken));
    expect(code).toBe(NOT_AUTHORIZED);
    expect(reason).toContain("Not authorized");
  });

  test("so must the server name, the Host and the path of a secure WebSocket", async () => {
    const { ready, token, otherToken } = await twoBrokers();
    const [dev, other] = ["dev.local.localhost", "other.local.localhost"];
    const outcome = async (names: { servername?: string; host?: string; path?: string }, password: string) => {
      const { servername = "localhost", host = "localhost", path = "/mqtt" } = names;
      const url = `wss://127.0.0.1:${portOf(ready.wss)}${path}`;
      const options = { clientId: "c", password, servername, wsOptions: { servername, headers: { host } } };
      return await connectSecurely(ready, options, url).then(
        () => 0,
        (error: { code?: number }) => error.code,
      );
    };
    expect(await outcome({ servername: dev, host: dev, path: "/local/dev" }, token)).toBe(0);
    expect(await outcome({ host: `${other}:8084` }, otherToken)).toBe(0);
    expect(await outcome({ host: other }, token)).toBe(NOT_AUTHORIZED);
    expect(await outcome({ servername: other }, token)).toBe(NOT_AUTHORIZED);
    expect(await outcome({ path: "/local/other" }, token)).toBe(NOT_AUTHORIZED);
    expect(await outcome({ servername: dev, host: other }, token)).toBe(NOT_AUTHORIZED);
    expect(await outcome({ servername: dev, host: other }, otherToken)).toBe(NOT_AUTHORIZED);
    expect(await outcome({ host: dev, path: "/local/other" }, token)).toBe(NOT_AUTHORIZED);
  });
});

describe("what is no TLS", () => {
  test("plain text, half a handshake and silence harm nobody else", async () => {
    const ready = await (await World.create()).dev();
    const client = await connectSecurely(ready, { clientId: "a", password: await issueToken(ready, "a") });
    for (const address of [ready.mqtts, ready.wss]) {
      const port = Number(portOf(address));
      const open = () => {
        const socket = connectTcp({ port, host: "127.0.0.1" });
        socket.on("error", () => {});
        onTestFinished(() => void socket.destroy());
        return socket;
      };
      const ended = (socket: ReturnType<typeof open>) =>
        new Promise<void>((resolve) => socket.once("close", () => resolve()));
      open();
      const halfway = open();
      halfway.end(Buffer.from("16030100a5010000a10303", "hex"));
      const plain = open();
      plain.resume();
      plain.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      const mqtt = open();
      mqtt.resume();
      mqtt.write(Buffer.from("101000044d5154540402003c000461626364", "hex"));
      await Promise.all([ended(plain), ended(mqtt)]);
    }
    await client.publishAsync("t", "still here", { qos: 1 });
  });

  test("a TLS client on the plain port is turned away", async () => {
    const ready = await (await World.create()).dev();
    const socket = connectTls({ port: Number(portOf(ready.mqtt)), host: "127.0.0.1", rejectUnauthorized: false });
    await new Promise<void>((resolve) => socket.on("error", () => {}).once("close", () => resolve()));
  });
});

describe("the local authority", () => {
  const statusOf = async (ready: Ready) => {
    const response = await fetch(`${ready.api}/status`, { headers: { authorization: `Bearer ${ready.apiToken}` } });
    return ((await response.json()) as { result: object }).result;
  };

  test("is said everywhere, and its key is nobody else's to read", async () => {
    const world = await World.create();
    const ready = await world.dev();
    const folder = join(world.folder, "config", "ca");
    expect(ready).toMatchObject({
      mqtts: expect.stringMatching(/^mqtts:\/\/localhost:\d+$/),
      wss: expect.stringMatching(/^wss:\/\/localhost:\d+\/mqtt$/),
      ca: join(folder, "ca.pem"),
    });
    expect(await statusOf(ready)).toMatchObject({ mqtts: ready.mqtts, wss: ready.wss, ca: ready.ca });
    const broker = await callApi<{ endpoint: string }>(ready, "GET", brokerPath(ready));
    expect(broker.endpoint).toBe(`mqtts://dev.local.localhost:${portOf(ready.mqtts)}`);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const file of ["ca.pem", "ca-key.pem", "server.pem"]) {
      expect([file, statSync(join(folder, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    expect(await world.run(["ca", "path"])).toMatchObject({ code: 0, stdout: `${ready.ca}\n`, stderr: "" });
    const instructions = await world.run(["ca", "trust-instructions"]);
    expect(instructions).toMatchObject({ code: 0, stderr: "" });
    expect(instructions.stdout).toContain(`export NODE_EXTRA_CA_CERTS='${ready.ca}'`);
    const json = JSON.parse((await world.run(["ca", "trust-instructions", "--json"])).stdout) as object;
    expect(json).toMatchObject({ path: ready.ca, fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}/) });
  });

  test("stays the same from one server to the next, and is in the data folder where there is one", async () => {
    const world = await World.create();
    const first = await world.dev();
    const certificate = readFileSync(first.ca, "utf8");
    await first.process.stop();
    const second = await world.dev();
    expect([second.ca, readFileSync(second.ca, "utf8")]).toEqual([first.ca, certificate]);
    await second.process.stop();
    const third = await world.dev("--persist-to", "data");
    expect(third.ca).toBe(join(world.folder, "data", "ca", "ca.pem"));
    expect(readFileSync(third.ca, "utf8")).not.toBe(certificate);
    expect((await world.run(["ca", "path"])).stdout).toBe(`${third.ca}\n`);
    await third.process.stop();
    expect((await world.run(["ca", "path", "--persist-to", "data"])).stdout).toBe(`${third.ca}\n`);
  });

  test("before there is one, that is said", async () => {
    const world = await World.create();
    const { code, stderr } = await world.run(["ca", "path"]);
    expect([code, stderr]).toEqual([5, expect.stringContaining("pubsub dev")]);
  });

  test("--no-tls does without", async () => {
    const world = await World.create();
    const ready = await world.dev("--no-tls");
    for (const object of [ready, await statusOf(ready)]) {
      for (const name of ["mqtts", "wss", "ca"]) expect(object).not.toHaveProperty(name);
    }
    expect(existsSync(join(world.folder, "config", "ca"))).toBe(false);
    const broker = await callApi<{ endpoint: string }>(ready, "GET", brokerPath(ready));
    expect(broker.endpoint).toBe(`mqtt://dev.local.localhost:${portOf(ready.mqtt)}`);
  });

  test("half an authority is not repaired behind its owner's back", async () => {
    const world = await World.create();
    const { ca, process: running } = await world.dev();
    await running.stop();
    writeFileSync(ca, "no certificate");
    const args = ["dev", "--port", "0", "--ws-port", "0", "--api-port", "0"];
    const { code, stderr } = await world.run(args);
    expect([code, stderr]).toEqual([1, expect.stringContaining("move the folder away")]);
  });

  test("where the configuration cannot be written, dev serves without TLS", async () => {
    const world = await World.create();
    writeFileSync(join(world.folder, "config"), "a file, not a folder");
    const ready = await world.dev();
    expect(ready).not.toHaveProperty("mqtts");
    expect(ready.process.stderr).toContain("TLS is off");
  });

  test("ports that are taken are said with the option to change them", async () => {
    const world = await World.create();
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as { port: number };
    const args = ["dev", "--port", "0", "--ws-port", "0", "--api-port", "0"];
    for (const option of ["--tls-port", "--wss-port"]) {
      const { code, stderr } = await world.run([...args, option, `${port}`]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`${option} 0`)]);
    }
  });
});

describe("pubsub itself", () => {
  test("pub and sub trust the authority of the server they know", async () => {
    const world = await World.create();
    const ready = await world.dev();
    const subscriber = world.start("sub", "#", "--url", ready.mqtts, "-C", "3");
    await subscriber.prints("stderr", "ubscribed");
    expect(await world.run(["pub", "a", "hello", "--url", ready.wss, "-q", "1"])).toMatchObject({ code: 0 });
    // A broker's endpoint has a name below localhost, which not every system knows.
    for (const address of [ready.mqtts, ready.wss]) {
      const args = ["pub", "a", "hello", "--url", address.replace("localhost", "dev.local.localhost"), "--token-stdin"];
      expect(await world.run(args, ready.clientToken)).toMatchObject({ code: 0, stderr: "" });
    }
    expect(await subscriber.finished).toMatchObject({ code: 0, stdout: "hello\n".repeat(3) });
  });
});

describe("a Unix socket", () => {
  const openSocket = async (path: string, clientId: string, password: string) => {
    const client = new MqttClient(() => connectTcp({ path }), {
      clientId,
      username: "x",
      password,
      reconnectPeriod: 0,
    });
    onTestFinished(() => client.endAsync(true));
    await new Promise<void>((resolve, reject) => client.once("connect", () => resolve()).once("error", reject));
    return client;
  };

  test("is for its owner, carries MQTT, and is gone at the end", async () => {
    const world = await World.create();
    const path = join(world.folder, "mqtt.sock");
    const ready = await world.dev("--socket", "mqtt.sock");
    expect(ready).toMatchObject({ socket: path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const open = async (clientId: string) => await openSocket(path, clientId, await issueToken(ready, clientId));
    expect(await exchange(await open("a"), await open("b"))).toBe("over TLS");
    await ready.process.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("a stale one is replaced, a live one and other files are not", async () => {
    const world = await World.create();
    const path = join(world.folder, "mqtt.sock");
    const killed = await world.dev("--socket", path);
    await killed.process.stop("SIGKILL");
    expect(existsSync(path)).toBe(true);
    const ready = await world.dev("--socket", path);
    await openSocket(path, "a", await issueToken(ready, "a"));
    const args = ["dev", "--memory", "--port", "0", "--ws-port", "0", "--api-port", "0", "--socket"];
    expect(await world.run([...args, path])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("another server"),
    });
    expect(existsSync(path)).toBe(true);
    writeFileSync(join(world.folder, "file"), "precious");
    expect(await world.run([...args, "file"])).toMatchObject({ code: 1, stderr: expect.stringContaining("--socket") });
    expect(readFileSync(join(world.folder, "file"), "utf8")).toBe("precious");
  });
});

test("secure WebSocket: what is no MQTT is told so", async () => {
  const ready = await (await World.create()).dev();
  const status = await new Promise((resolve) => {
    const socket = new WebSocket(`${ready.wss}/a/b/c`, "mqtt", { ca: readFileSync(ready.ca) });
    socket.on("error", () => {});
    socket.on("unexpected-response", (_request, response) => {
      resolve(response.statusCode);
      response.resume();
      socket.terminate();
    });
  });
  expect(status).toBe(404);
});
