import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { InterruptedError, OutputClosedError } from "../../src/cli/errors.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { type Peer, type Script, startFakeBroker } from "./fake-broker.ts";
import { devContext, pubsub, start } from "./world.ts";

/** Accepts the subscription and sends these messages. */
function sends(...messages: Record<string, unknown>[]): Script {
  return {
    subscribe: ({ messageId, subscriptions }, peer) => {
      peer.send({ cmd: "suback", messageId, granted: (subscriptions as { qos: number }[]).map(({ qos }) => qos) });
      for (const message of messages) sendMessage(peer, message);
    },
  };
}

function sendMessage(peer: Peer, message: Record<string, unknown>): void {
  peer.send({
    cmd: "publish",
    topic: "a/b",
    payload: "hello",
    qos: 0,
    retain: false,
    dup: false,
    messageId: 1,
    ...message,
  });
}

describe("sub prints", () => {
  it("payloads, a line each, and on standard error that it is subscribed", async () => {
    const fake = await startFakeBroker(sends({ payload: "one" }, { payload: "two" }));
    const { code, stdout, stderr } = await pubsub(["sub", "a/#", "-C", "2", "--url", fake.url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "one\ntwo\n" });
    expect(stderr).toBe(`subscribed: a/# (${fake.url})\n`);
    expect(fake.received.at(-1)).toMatchObject({ cmd: "disconnect" });
  });

  it("the topic as well with -v, and with several filters", async () => {
    const fake = await startFakeBroker(sends({}));
    expect((await pubsub(["sub", "a/#", "-v", "-C", "1", "--url", fake.url])).stdout).toBe("a/b hello\n");
    expect((await pubsub(["sub", "a/#", "c", "-C", "1", "--url", fake.url])).stdout).toBe("a/b hello\n");
    expect((await pubsub(["sub", "-t", "a/#", "-t", "c", "-C", "1", "--url", fake.url])).stdout).toBe("a/b hello\n");
  });

  it("the topic in JSON with -v too, which goes with no other format", async () => {
    const fake = await startFakeBroker(sends({}));
    const { stdout } = await pubsub(["sub", "a/#", "-v", "--json", "-C", "1", "--url", fake.url]);
    expect(JSON.parse(stdout)).toMatchObject({ topic: "a/b", payload: "hello" });
    for (const other of [["--raw"], ["-F", "%p"]]) {
      const { code, stderr } = await pubsub(["sub", "a/#", "-v", ...other, "--url", fake.url]);
      expect([code, stderr]).toEqual([2, expect.stringContaining("-v goes with neither")]);
    }
  });

  it("bytes as they are where the output is no terminal", async () => {
    const payload = Buffer.from([0, 255, 10, 27]);
    const fake = await startFakeBroker(sends({ payload }));
    expect((await pubsub(["sub", "#", "-C", "1", "--url", fake.url])).bytes).toEqual(Buffer.from([0, 255, 10, 27, 10]));
    expect((await pubsub(["sub", "#", "-C", "1", "--raw", "--url", fake.url])).bytes).toEqual(payload);
  });

  it("nothing on a terminal that could rewrite the screen", async () => {
    const fake = await startFakeBroker(sends({ payload: "\u001b[2Jx\ny" }, { payload: Buffer.from([255]) }));
    const { stdout } = await pubsub(["sub", "#", "-C", "2", "--url", fake.url], { isTTY: true });
    expect(stdout).toBe("\\x1b[2Jx\ny\n<1 bytes: ff>\n");
  });

  it("an object per line with --json", async () => {
    const properties = {
      contentType: "text/plain",
      userProperties: { k: ["1", "2"] },
      correlationData: Buffer.from("c"),
    };
    const fake = await startFakeBroker(
      sends({ qos: 1, retain: true, dup: true, properties }, { payload: Buffer.from([255]) }),
    );
    const { stdout } = await pubsub(["sub", "#", "-C", "2", "--json", "--url", fake.url]);
    const [first, second] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { time: string });
    expect(first).toEqual({
      v: 1,
      topic: "a/b",
      payload: "hello",
      payloadEncoding: "utf8",
      qos: 1,
      retain: true,
      dup: true,
      properties: {
        contentType: "text/plain",
        correlationData: "Yw==",
        userProperties: [
          ["k", "1"],
          ["k", "2"],
        ],
      },
      time: first!.time,
    });
    expect(second).toMatchObject({ payload: "/w==", payloadEncoding: "base64" });
    expect(new Date(first!.time).toISOString()).toBe(first!.time);
  });

  it("what --format says", async () => {
    const fake = await startFakeBroker(sends({ qos: 1, messageId: 7 }));
    const { stdout } = await pubsub(["sub", "#", "-C", "1", "-F", "%t %5l|%x %q %m%%\\t@@", "--url", fake.url]);
    expect(stdout).toBe("a/b     5|68656c6c6f 1 7%\t@\n");
  });
});

describe("sub ends", () => {
  it.each([1, 2] as const)("after -C messages, and acknowledges no more than those at QoS %i", async (qos) => {
    const script = sends({ qos, messageId: 1 }, { qos, messageId: 2 }, { qos, messageId: 3 });
    script.pubrec = ({ messageId }, peer) => peer.send({ cmd: "pubrel", messageId });
    const fake = await startFakeBroker(script);
    const { code, stdout } = await pubsub(["sub", "#", "-q", "2", "-C", "2", "--url", fake.url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hello\nhello\n" });
    const acknowledged = fake.received.filter(({ cmd }) => cmd === (qos === 1 ? "puback" : "pubcomp"));
    expect(acknowledged.map(({ messageId }) => messageId)).toEqual([1, 2]);
  });

  it("with 27 when the time is over", async () => {
    const fake = await startFakeBroker(sends({}));
    expect(await pubsub(["sub", "#", "-W", "3", "--url", fake.url])).toMatchObject({ code: 27, stdout: "hello\n" });
    const { code, stderr } = await pubsub(["sub", "#", "-W", "0.1", "-C", "2", "--url", fake.url]);
    expect(code).toBe(27);
    expect(stderr).toContain("1 of 2 messages came");
  });

  it("with the message that fulfils --until", async () => {
    const fake = await startFakeBroker(sends({ payload: '{"n":1}' }, { payload: '{"n":2}' }, { payload: '{"n":3}' }));
    const { code, stdout } = await pubsub(["sub", "#", "--until", "payload.n >= 2", "--url", fake.url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"n":1}\n{"n":2}\n' });
    const late = await pubsub(["sub", "#", "--until", "payload.n > 9", "-W", "0.2", "--url", fake.url]);
    expect(late).toMatchObject({ code: 27 });
    expect(late.stderr).toContain("none of 3 messages fulfils the condition");
  });

  it("when the broker has accepted, with -E", async () => {
    const fake = await startFakeBroker();
    expect(await pubsub(["sub", "#", "-E", "--url", fake.url])).toMatchObject({ code: 0, stdout: "" });
  });

  it("with 0 at Ctrl-C, but with 130 and 143 where it would have ended by itself", async () => {
    const fake = await startFakeBroker();
    const unbounded = start(["sub", "#", "--url", fake.url]);
    await unbounded.stderr.until("subscribed");
    unbounded.abort(new InterruptedError("SIGINT"));
    expect(await unbounded.exitCode).toBe(0);

    const bounded = start(["sub", "#", "-C", "1", "--url", fake.url]);
    await bounded.stderr.until("subscribed");
    bounded.abort(new InterruptedError("SIGTERM"));
    expect(await bounded.exitCode).toBe(143);
    expect(fake.received.filter(({ cmd }) => cmd === "disconnect")).toHaveLength(2);
  });

  it("with 0 when nobody reads its output any more", async () => {
    const fake = await startFakeBroker();
    const started = start(["sub", "#", "-C", "5", "--url", fake.url]);
    await started.stderr.until("subscribed");
    started.abort(new OutputClosedError());
    expect(await started.exitCode).toBe(0);
  });
});

describe("sub leaves out", () => {
  it("retained messages with -R, and asks the broker not to send them", async () => {
    const fake = await startFakeBroker(sends({ retain: true, payload: "old" }, { payload: "new" }));
    expect((await pubsub(["sub", "#", "-R", "-C", "1", "--url", fake.url])).stdout).toBe("new\n");
    const [subscribe] = fake.received.filter(({ cmd }) => cmd === "subscribe");
    expect(subscribe).toMatchObject({ subscriptions: [{ topic: "#", rh: 2 }] });
  });

  it("all others with --retained-only, and ends with the first of them", async () => {
    const fake = await startFakeBroker(sends({ retain: true, payload: "old" }, { payload: "new" }));
    expect(await pubsub(["sub", "#", "--retained-only", "--url", fake.url])).toMatchObject({
      code: 0,
      stdout: "old\n",
    });
  });

  it("topics of -T", async () => {
    const fake = await startFakeBroker(sends({ topic: "x/1" }, { topic: "a" }));
    const { stdout } = await pubsub(["sub", "#", "-T", "x/+", "-C", "1", "-v", "--url", fake.url]);
    expect(stdout).toBe("a hello\n");
  });
});

describe("sub after a refusal", () => {
  it.each([
    [0x87, 4, "Not authorized (0x87)"],
    [0x8f, 1, "Topic filter invalid (0x8f)"],
    [0x80, 1, "Unspecified error (0x80)"],
  ])("of %i in SUBACK exits with %i", async (reasonCode, exitCode, text) => {
    const fake = await startFakeBroker({
      subscribe: ({ messageId }, peer) => peer.send({ cmd: "suback", messageId, granted: [0, reasonCode] }),
    });
    const { code, stderr } = await pubsub(["sub", "1", "0", "--url", fake.url]);
    expect(code).toBe(exitCode);
    expect(stderr).toContain(`subscription to 0: ${text}`);
  });

  it("does not come back when it was thrown out", async () => {
    const fake = await startFakeBroker({
      ...sends(),
      subscribe: ({ messageId }, peer) => {
        peer.send({ cmd: "suback", messageId, granted: [0] });
        peer.send({ cmd: "disconnect", reasonCode: 0x87, properties: { reasonString: "the token was revoked" } });
        peer.destroy();
      },
    });
    const { code, stderr } = await pubsub(["sub", "#", "--url", fake.url]);
    expect(code).toBe(4);
    expect(stderr).toContain("Not authorized (0x87): the token was revoked");
    expect(fake.received.filter(({ cmd }) => cmd === "connect")).toHaveLength(1);
  });
});

describe("sub after a lost connection", () => {
  /** Loses the first connection after the subscription, and delivers on the second. */
  function losesOnce(lose: (peer: Peer) => void): Script {
    let connections = 0;
    return {
      subscribe: ({ messageId }, peer) => {
        peer.send({ cmd: "suback", messageId, granted: [0] });
        if (++connections === 1) lose(peer);
        else sendMessage(peer, { payload: "after" });
      },
    };
  }

  it.each<[string, (peer: Peer) => void]>([
    ["without a word", (peer) => peer.destroy()],
    ["because the server shuts down", (peer) => peer.send({ cmd: "disconnect", reasonCode: 0x8b })],
  ])("%s says so and comes back", async (_how, lose) => {
    const fake = await startFakeBroker(
      losesOnce((peer) => {
        lose(peer);
        peer.destroy();
      }),
    );
    const { code, stdout, stderr } = await pubsub(["sub", "#", "-C", "1", "--url", fake.url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "after\n" });
    expect(stderr).toContain("connecting again");
    expect(stderr).toContain("connected again");
  });

  it("issues itself new credentials, for the new server perhaps", async () => {
    const fake = await startFakeBroker(losesOnce((peer) => peer.destroy()));
    const folder = temporaryFolder();
    const configuration = { current: "dev", contexts: { dev: { ...devContext, mqtt: fake.url } } };
    writeFileSync(path.join(folder, "config.json"), JSON.stringify(configuration));
    let issued = 0;
    const client = {
      issueCredentials: async ({ clientid }: { clientid: string[] }) => ({ [clientid[0]!]: `token ${++issued}` }),
    };
    await pubsub(["sub", "#", "-C", "1"], { env: { PUBSUB_CONFIG_DIR: folder }, client });
    const passwords = fake.received.filter(({ cmd }) => cmd === "connect").map(({ password }) => String(password));
    expect(passwords).toEqual(["token 1", "token 2"]);
  });
});

it.each([
  [["sub"], "no topic filter"],
  [["sub", "a/#/b"], "is not a topic filter"],
  [["sub", "$share/g"], "is not a shared subscription"],
  [["sub", "$share//a"], "is not a shared subscription"],
  [["sub", "$share/g/"], "is not a shared subscription"],
  [["sub", "#", "-R", "--retained-only"], "exclude each other"],
  [["sub", "#", "-F", "%t", "--json"], "exclude each other"],
  [["sub", "#", "-F", "%y"], 'the format has "%y"'],
  [["sub", "#", "--until", "x > 1"], 'there is no "x"'],
  [["sub", "#", "-C", "0"], "whole number of at least 1"],
  [["sub", "#", "-W", "soon"], "number of seconds"],
])("%j is wrong usage", async (argv, text) => {
  const { code, stderr } = await pubsub(argv);
  expect(code).toBe(2);
  expect(stderr).toContain(text);
});
