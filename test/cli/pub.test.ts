import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { InterruptedError } from "../../src/cli/errors.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { type FakeBroker, publishes, startFakeBroker } from "./fake-broker.ts";
import { devContext, openInput, pubsub, start } from "./world.ts";

const payloads = (fake: FakeBroker) => publishes(fake).map(({ payload }) => String(payload));

it("does not call what fits no packet a mistake of its own", async () => {
  const fake = await startFakeBroker();
  const property = ["-D", "publish", "content-type", "x".repeat(65_536)];
  const { code, stderr } = await pubsub(["pub", "a", "b", ...property, "--url", fake.url]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error: this does not fit a packet: contentType takes 65536 bytes; MQTT allows 65535\n/);
  expect(publishes(fake)).toEqual([]);
});

it("says what client ids there may be when the broker refuses one", async () => {
  const fake = await startFakeBroker({ connect: (_packet, peer) => peer.send({ cmd: "connack", returnCode: 2 }) });
  const id = "i".repeat(24);
  const { code, stderr } = await pubsub(["pub", "a", "b", "-V", "31", "-i", id, "--url", fake.url]);
  expect(code).toBe(4);
  expect(stderr).toContain("MQTT 3.1 allows ids of 1 to 23 bytes");
});

describe("pub succeeds only if the broker took the message", () => {
  it.each([["0"], ["1"], ["2"]])("at QoS %s", async (qos) => {
    const fake = await startFakeBroker();
    const { code, stdout, stderr } = await pubsub(["pub", "a/b", "hello", "-q", qos, "--url", fake.url]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(publishes(fake)).toMatchObject([{ topic: "a/b", qos: Number(qos), retain: false }]);
    expect(fake.received.at(-1)).toMatchObject({ cmd: "disconnect" });
  });

  it("asks with a ping at QoS 0", async () => {
    const fake = await startFakeBroker();
    await pubsub(["pub", "a", "b", "--url", fake.url]);
    expect(fake.received.map(({ cmd }) => cmd)).toEqual(["connect", "publish", "pingreq", "disconnect"]);
  });

  it("notices the DISCONNECT that refuses a QoS 0 publish", async () => {
    const fake = await startFakeBroker({
      publish: (_packet, peer) => {
        peer.send({ cmd: "disconnect", reasonCode: 0x87, properties: { reasonString: "no such right" } });
        peer.destroy();
      },
      pingreq: () => {},
    });
    const { code, stderr } = await pubsub(["pub", "a", "b", "--url", fake.url]);
    expect(code).toBe(4);
    expect(stderr).toContain("the broker ended the connection: Not authorized (0x87): no such right");
  });

  it.each([
    ["1", "puback", 0x87, 4, "Not authorized (0x87)"],
    ["1", "puback", 0x97, 1, "Quota exceeded (0x97)"],
    ["2", "pubrec", 0x87, 4, "Not authorized (0x87)"],
    ["2", "pubrec", 0x99, 1, "Payload format invalid (0x99)"],
  ])("names the reason code of QoS %s's %s %i", async (qos, cmd, reasonCode, exitCode, text) => {
    const fake = await startFakeBroker({ publish: ({ messageId }, peer) => peer.send({ cmd, messageId, reasonCode }) });
    const { code, stderr } = await pubsub(["pub", "a", "b", "-q", qos, "--url", fake.url]);
    expect(code).toBe(exitCode);
    expect(stderr).toContain(text);
  });

  it("takes 0x10, no matching subscribers, for a success", async () => {
    const fake = await startFakeBroker({
      publish: ({ messageId }, peer) => peer.send({ cmd: "puback", messageId, reasonCode: 0x10 }),
    });
    expect(await pubsub(["pub", "a", "b", "-q", "1", "--url", fake.url])).toMatchObject({ code: 0 });
  });

  it("does not hang when the connection is lost before the acknowledgement", async () => {
    const fake = await startFakeBroker({ publish: (_packet, peer) => peer.destroy() });
    const { code, stderr } = await pubsub(["pub", "a", "b", "-q", "1", "--url", fake.url]);
    expect(code).toBe(3);
    expect(stderr).toContain("was lost");
  });

  it.each(["0", "1", "2"])("gives up when no answer comes, at QoS %s", async (qos) => {
    const fake = await startFakeBroker({ publish: () => {}, pingreq: () => {} });
    const { code, stderr } = await pubsub(["pub", "a", "b", "-q", qos, "--timeout", "0.1", "--url", fake.url]);
    expect(code).toBe(27);
    expect(stderr).toContain("within 0.1 s");
  });
});

describe("pub says why there is no connection", () => {
  it("when nobody listens", async () => {
    const fake = await startFakeBroker();
    await fake.close();
    const { code, stderr } = await pubsub(["pub", "a", "b", "--url", fake.url]);
    expect(code).toBe(3);
    expect(stderr).toContain(`no broker answers at ${fake.url}`);
    expect(stderr).toContain("pubsub dev");
  });

  it("when a web server answers that has no WebSocket there", async () => {
    const server = createServer((_request, response) => response.writeHead(404).end());
    onTestFinished(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/nope`;
    const { code, stderr } = await pubsub(["pub", "a", "b", "--url", url]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: cannot connect to ws:.*: Unexpected server response: 404\n/);
  });

  it.each([
    ["5", { reasonCode: 0x86 }, 4, "Bad user name or password (0x86)"],
    ["5", { reasonCode: 0x87, properties: { reasonString: "the token has expired" } }, 4, "the token has expired"],
    ["5", { reasonCode: 0x89 }, 3, "Server busy (0x89)"],
    ["311", { returnCode: 5 }, 4, "Not authorized (0x87)"],
    ["31", { returnCode: 4 }, 4, "Bad user name or password (0x86)"],
    ["311", { returnCode: 3 }, 3, "Server unavailable (0x88)"],
  ])("when MQTT %s's CONNACK has %o", async (version, connack, exitCode, text) => {
    const fake = await startFakeBroker({
      connect: (_packet, peer) => peer.send({ cmd: "connack", sessionPresent: false, ...connack }),
    });
    const { code, stderr } = await pubsub(["pub", "a", "b", "-V", version, "--url", fake.url]);
    expect(code).toBe(exitCode);
    expect(stderr).toContain(text);
    expect(fake.received.map(({ cmd }) => cmd)).toEqual(["connect"]);
  });

  it("when the broker says nothing", async () => {
    const fake = await startFakeBroker({ connect: () => {} });
    const { code, stderr } = await pubsub(["pub", "a", "b", "--timeout", "0.1", "--url", fake.url]);
    expect(code).toBe(3);
    expect(stderr).toContain("does not answer");
  });

  it("with --json as an object", async () => {
    const fake = await startFakeBroker({ connect: (_packet, peer) => peer.destroy() });
    const { stdout, stderr } = await pubsub(["pub", "a", "b", "--json", "--url", fake.url]);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "cannot-connect" } });
  });
});

describe("pub's messages", () => {
  it("come from a line of standard input each, as bytes", async () => {
    const fake = await startFakeBroker();
    const stdin = Buffer.from([0x61, 0x0a, 0x0a, 0xff, 0x00, 0x0d, 0x0a, 0x62]);
    await pubsub(["pub", "a", "-l", "-q", "1", "--url", fake.url], { stdin });
    expect(publishes(fake).map(({ payload }) => payload)).toEqual([
      Buffer.from("a"),
      Buffer.alloc(0),
      Buffer.from([0xff, 0x00, 0x0d]),
      Buffer.from("b"),
    ]);
  });

  it("wait for acknowledgements when the broker wants few at a time", async () => {
    let unanswered = 0;
    let most = 0;
    const fake = await startFakeBroker({
      connect: (_packet, peer) =>
        peer.send({ cmd: "connack", reasonCode: 0, sessionPresent: false, properties: { receiveMaximum: 2 } }),
      publish: ({ messageId }, peer) => {
        most = Math.max(most, ++unanswered);
        setImmediate(() => {
          unanswered--;
          peer.send({ cmd: "puback", messageId, reasonCode: 0 });
        });
      },
    });
    const { code } = await pubsub(["pub", "a", "-l", "-q", "1", "--url", fake.url], { stdin: "x\n".repeat(50) });
    expect(code).toBe(0);
    expect(publishes(fake)).toHaveLength(50);
    expect(most).toBeLessThanOrEqual(2);
  });

  it("stop at the first one that is refused", async () => {
    const fake = await startFakeBroker({
      publish: ({ messageId }, peer) => peer.send({ cmd: "puback", messageId, reasonCode: 0x87 }),
    });
    const stdin = openInput();
    stdin.write("one\n");
    // The input stays open: what counts is the refusal.
    const started = start(["pub", "a", "-l", "-q", "1", "--url", fake.url, "--timeout", "5"], { stdin });
    expect(await started.exitCode).toBe(4);
  });

  it("come from a file, from standard input, from -m, or are empty", async () => {
    const fake = await startFakeBroker();
    const file = path.join(temporaryFolder(), "message");
    writeFileSync(file, "from a file");
    const target = ["--url", fake.url];
    await pubsub(["pub", "a", "-f", file, ...target]);
    await pubsub(["pub", "a", "-s", ...target], { stdin: "all\nof it" });
    await pubsub(["pub", "a", "-", ...target], { stdin: "dash" });
    await pubsub(["pub", "-t", "a", "-m", "option", ...target]);
    await pubsub(["pub", "-t", "a", "argument", ...target]);
    await pubsub(["pub", "a", "-n", "-r", ...target]);
    expect(payloads(fake)).toEqual(["from a file", "all\nof it", "dash", "option", "argument", ""]);
    expect(publishes(fake).at(-1)).toMatchObject({ retain: true });
  });

  it("are repeated", async () => {
    const fake = await startFakeBroker();
    const { stdout } = await pubsub([
      "pub",
      "a",
      "b",
      "--repeat",
      "3",
      "--repeat-delay",
      "0.001",
      "--json",
      "--url",
      fake.url,
    ]);
    expect(payloads(fake)).toEqual(["b", "b", "b"]);
    expect(JSON.parse(stdout)).toEqual({ topic: "a", qos: 0, published: 3 });
  });

  it("carry properties, in our spelling and in mosquitto_pub's", async () => {
    const fake = await startFakeBroker();
    const properties = [
      "-D",
      "publish",
      "user-property",
      "k",
      "v w",
      "-D",
      "publish user-property k 2",
      "-D",
      "content-type a/b",
    ];
    await pubsub(["pub", ...properties, "topic", "message", "--url", fake.url]);
    expect(publishes(fake)).toMatchObject([
      { topic: "topic", properties: { userProperties: { k: ["v w", "2"] }, contentType: "a/b" } },
    ]);
  });

  it.each([
    [["pub"], "no topic"],
    [["pub", "a"], "no message"],
    [["pub", "a", "b", "-n"], "more than once"],
    [["pub", "a/#", "b"], "is a filter"],
    [["pub", "a", "b", "-q", "3"], "--qos takes 0, 1 or 2"],
    [["pub", "a", "b", "-D", "publish colour red"], 'no property "colour"'],
    [["pub", "a", "b", "-V", "4", "-D", "content-type x"], "properties need MQTT 5"],
    [["pub", "a", "b", "--url", "http://127.0.0.1"], "not the URL of an MQTT broker"],
    [["pub", "a", "b", "c"], "takes 2 arguments, and got 3"],
  ])("%j is wrong usage", async (argv, text) => {
    const { code, stderr } = await pubsub(argv);
    expect(code).toBe(2);
    expect(stderr).toContain(text);
  });
});

describe("pub's credentials", () => {
  const jwt = (claims: object) =>
    [{ alg: "EdDSA" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") +
    ".c2ln";

  it("come from PUBSUB_TOKEN, with the client id that the token is for", async () => {
    const fake = await startFakeBroker();
    const token = jwt({ sub: "terminal-7" });
    const { stderr } = await pubsub(["pub", "a", "b"], { env: { PUBSUB_TOKEN: token, PUBSUB_URL: fake.url } });
    expect(stderr).toBe("");
    expect(fake.received[0]).toMatchObject({ clientId: "terminal-7", password: Buffer.from(token) });
  });

  it("come from a file or standard input; on the command line with a warning", async () => {
    const fake = await startFakeBroker();
    const file = path.join(temporaryFolder(), "token");
    writeFileSync(file, "from-file\n");
    await pubsub(["pub", "a", "b", "--url", fake.url, "--token-file", file]);
    await pubsub(["pub", "a", "b", "--url", fake.url, "--token-stdin"], { stdin: "from-stdin\n" });
    const { stderr } = await pubsub(["pub", "a", "b", "--url", fake.url, "--token", "from-argv"]);
    expect(stderr).toContain("warning:");
    expect(stderr).not.toContain("from-argv");
    const passwords = fake.received.filter(({ cmd }) => cmd === "connect").map(({ password }) => String(password));
    expect(passwords).toEqual(["from-file", "from-stdin", "from-argv"]);
  });

  it("are issued by the configured server, each time for a new client id", async () => {
    const fake = await startFakeBroker();
    const configuration = { current: "dev", contexts: { dev: { ...devContext, mqtt: fake.url } } };
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, "config.json"), JSON.stringify(configuration));
    const issued: object[] = [];
    const client = {
      issueCredentials: async (input: { clientid?: string[] }) => {
        issued.push(input);
        return { [input.clientid![0]!]: `token of ${input.clientid![0]}` };
      },
    };
    const options = { env: { PUBSUB_CONFIG_DIR: folder }, client };
    expect(await pubsub(["pub", "a", "b"], options)).toMatchObject({ code: 0, stderr: "" });
    expect(await pubsub(["pub", "a", "b"], options)).toMatchObject({ code: 0 });
    expect(issued).toMatchObject([
      { namespace: "local", broker: "dev" },
      { namespace: "local", broker: "dev" },
    ]);
    const [first, second] = fake.received.filter(({ cmd }) => cmd === "connect");
    expect(first!["clientId"]).toMatch(/^pubsub-[0-9a-z]{14}$/);
    expect(first!["clientId"]).not.toBe(second!["clientId"]);
    expect(String(first!["password"])).toBe(`token of ${String(first!["clientId"])}`);
  });

  it("are not sent to a broker that is not the configured one", async () => {
    const fake = await startFakeBroker();
    await pubsub(["pub", "a", "b", "--url", fake.url]);
    expect(fake.received[0]!["password"] ?? null).toBeNull();
  });
});

it("pub says goodbye when it is interrupted, and exits with 130", async () => {
  const fake = await startFakeBroker();
  const stdin = openInput();
  const started = start(["pub", "a", "-l", "-q", "1", "--url", fake.url], { stdin });
  stdin.write("one\n");
  await expect.poll(() => publishes(fake).length, { interval: 5 }).toBe(1);
  started.abort(new InterruptedError("SIGINT"));
  expect(await started.exitCode).toBe(130);
  expect(started.stderr.text).toBe("");
  await expect.poll(() => fake.received.at(-1)?.cmd, { interval: 5 }).toBe("disconnect");
});
