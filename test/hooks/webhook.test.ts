import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Message, Verdict } from "../../src/broker/ports.ts";
import { UserError } from "../../src/errors.ts";
import { parseHookUrl, Webhook, type WebhookOptions } from "../../src/hooks/index.ts";
import { message } from "./messages.ts";
import { HookServer, isValidBrokerRequest, signingKey } from "./server.ts";

const key = signingKey();
const never = new AbortController().signal;
let server: HookServer;
let base: string;
let hooks: Webhook[] = [];

beforeEach(async () => {
  server = new HookServer();
  base = await server.listen();
});
afterEach(async () => {
  await Promise.all(hooks.map((hook) => hook.close()));
  hooks = [];
  await server.close();
});

function webhook(options: Partial<WebhookOptions> = {}): Webhook {
  const hook = new Webhook({ url: base, brokerHost: "b.ns.example.com", signingKey: key, ...options });
  hooks.push(hook);
  return hook;
}

/** What the hook makes of a batch when it is answered with this. */
async function verdicts(batch: Message[], answer: unknown, status = 200): Promise<readonly Verdict[]> {
  server.answer = (_received, response) => {
    response.statusCode = status;
    response.end(typeof answer === "string" || Buffer.isBuffer(answer) ? answer : JSON.stringify(answer));
  };
  return (await webhook().onPublish(batch, never)).verdicts;
}

const text = (topic: string, payload: string, more: Partial<Message> = {}): Message =>
  message({ topic, payload: Buffer.from(payload), properties: { payloadFormatIndicator: 1 }, ...more });

describe("request", () => {
  test("headers, signature and messages are what an unchanged Worker expects", async () => {
    const properties = { payloadFormatIndicator: 1, contentType: 'text/"plain"' };
    const batch = [
      message({ topic: "t/ü\u2028", payload: Buffer.from("é\0😀"), properties, publisherId: "c\n1", tokenId: "j1" }),
      message({ payload: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) }),
      message({ payload: Buffer.alloc(0) }),
      message({ payload: Buffer.from([0xff]), properties: { payloadFormatIndicator: 1, responseTopic: "r" } }),
    ];
    const hook = webhook({
      url: `${base}/hook/path?x=1&y=%20#f`,
      userAgent: "pubsub-cli/0.1.0",
      now: () => 1_700_000_007_999,
    });
    const answer = await hook.onPublish(batch, never);
    expect(answer).toEqual({ status: 200, verdicts: batch.map(() => ({ kind: "accept" })) });

    const received = server.received[0]!;
    expect(received).toMatchObject({ method: "POST", path: "/hook/path?x=1&y=%20" });
    expect(received.headers).toMatchObject({
      "content-type": "application/json",
      "user-agent": "pubsub-cli/0.1.0",
      "x-signature-timestamp": "1700000007",
      "x-signature-key-id": "key-1",
    });
    const publicKeys = JSON.stringify({ keys: [signingKey("other").publicJwk, key.publicJwk] });
    expect(await isValidBrokerRequest(received, publicKeys)).toBe(true);
    expect(await isValidBrokerRequest({ ...received, body: `${received.body} ` }, publicKeys)).toBe(false);
    const others = JSON.stringify({ keys: [signingKey("key-1").publicJwk] });
    expect(await isValidBrokerRequest(received, others)).toBe(false);

    const common = { broker: "b.ns.example.com", receivedAt: 1_700_000_000 };
    const plain = { ...common, topic: "a/b", clientId: "p1", contentType: null, payloadFormatIndicator: 0 };
    expect(JSON.parse(received.body)).toEqual([
      {
        ...common,
        mid: 0,
        topic: "t/ü\u2028",
        clientId: "c\n1",
        jti: "j1",
        contentType: 'text/"plain"',
        payloadFormatIndicator: 1,
        payload: "é\0😀",
      },
      { ...plain, mid: 1, payload: Array.from({ length: 256 }, (_, byte) => byte) },
      { ...plain, mid: 2, payload: [] },
      // Claims to be UTF-8 and is not: bytes.
      { ...plain, mid: 3, payload: [255] },
    ]);
    // Byte by byte what JSON.stringify makes: an echo needs no parsing.
    expect(JSON.stringify(JSON.parse(received.body))).toBe(received.body);
  });

  test("a large batch is signed too", async () => {
    const batch = [message({ payload: Buffer.alloc(300_000, 0xab) })];
    expect((await webhook().onPublish(batch, never)).verdicts).toEqual([{ kind: "accept" }]);
    expect(await isValidBrokerRequest(server.received[0]!, JSON.stringify({ keys: [key.publicJwk] }))).toBe(true);
  });

  test("connections are kept and used again", async () => {
    const hook = webhook();
    for (let round = 0; round < 5; round++) await hook.onPublish([message()], never);
    // The next request may leave in the very turn in which the answer is complete, before its connection counts as free.
    expect(server.connections).toBeLessThanOrEqual(2);
    await Promise.all(Array.from({ length: 4 }, () => hook.onPublish([message()], never)));
    expect(server.connections).toBeLessThanOrEqual(5);
  });
});

describe("answer", () => {
  test("delivered if its mid is there, in any order, the first one counting", async () => {
    const batch = ["0", "1", "2", "3"].map((payload) => text("t", payload));
    const answer = [{ mid: 3 }, { mid: 0, payload: "first" }, { mid: 0, payload: "second" }, { mid: 2, topic: "t" }];
    expect(await verdicts(batch, answer)).toEqual([
      { kind: "replace", payload: Buffer.from("first"), properties: { payloadFormatIndicator: 1 } },
      { kind: "drop", reason: "hook-dropped" },
      { kind: "accept" },
      { kind: "accept" },
    ]);
  });

  test("an empty array drops all", async () => {
    expect(await verdicts([message(), message()], [])).toEqual([
      { kind: "drop", reason: "hook-dropped" },
      { kind: "drop", reason: "hook-dropped" },
    ]);
  });

  test.each([[{}], [{ mid: "0" }], [{ mid: 7 }], [{ mid: -1 }], [{ mid: 0.5 }], [{ mid: null }]])(
    "missing or changed mid %j",
    async (element) => {
      const detail = "the answer has 1 message(s) with a missing or unknown mid";
      expect(await verdicts([message()], [element])).toEqual([{ kind: "drop", reason: "hook-dropped", detail }]);
    },
  );

  test("a changed topic drops that message only", async () => {
    const answer = [
      { mid: 0, topic: "u" },
      { mid: 1, topic: "t" },
      { mid: 2, topic: null },
    ];
    expect(await verdicts([text("t", "a"), text("t", "b"), text("t", "c")], answer)).toEqual([
      { kind: "drop", reason: "hook-changed-topic", detail: 'to "u"' },
      { kind: "accept" },
      { kind: "drop", reason: "hook-changed-topic" },
    ]);
  });

  test("a payload comes back as text or bytes, whatever the indicator", async () => {
    const userProperties = [["k", "v"]] as const;
    const bytes = message({ payload: Buffer.from([1, 2, 255]), properties: { userProperties: [...userProperties] } });
    const four = [bytes, bytes, text("t", "é"), text("t", "é"), text("t", "")];
    const answer = [
      { payload: [1, 2, 255] },
      { payload: "ü" },
      { payload: [195, 169] },
      { payload: [0] },
      { payload: "" },
    ];
    expect(
      await verdicts(
        four,
        answer.map((each, mid) => ({ mid, ...each })),
      ),
    ).toEqual([
      { kind: "accept" },
      { kind: "replace", payload: Buffer.from("ü"), properties: { userProperties } },
      { kind: "accept" },
      { kind: "replace", payload: Buffer.from([0]), properties: { payloadFormatIndicator: 1 } },
      { kind: "accept" },
    ]);
  });

  test("content type and indicator may change; all other properties stay", async () => {
    const correlationData = Buffer.from([1]);
    const typed = (): Message => message({ properties: { contentType: "a", correlationData } });
    const batch = [typed(), typed(), typed(), message(), message({ properties: { contentType: "a" } }), text("t", "a")];
    const answer = [
      { contentType: "b" },
      { contentType: null },
      { contentType: "a", payloadFormatIndicator: 0 },
      { contentType: "", payloadFormatIndicator: 1 },
      { contentType: null },
      { payloadFormatIndicator: 0 },
    ].map((each, mid) => ({ mid, ...each }));
    const payload = Buffer.from("x");
    expect(await verdicts(batch, answer)).toEqual([
      { kind: "replace", payload, properties: { contentType: "b", correlationData } },
      { kind: "replace", payload, properties: { correlationData } },
      { kind: "accept" },
      { kind: "replace", payload, properties: { contentType: "", payloadFormatIndicator: 1 } },
      { kind: "replace", payload, properties: undefined },
      { kind: "replace", payload: Buffer.from("a"), properties: { payloadFormatIndicator: 0 } },
    ]);
  });

  test.each([
    [{ payload: 5 }, "the payload is a number, not a string or an array of bytes"],
    [{ payload: null }, "the payload is null, not a string or an array of bytes"],
    [{ payload: { 0: 1, 1: 2 } }, "the payload is an object; give a Uint8Array back as Array.from(payload)"],
    [{ payload: [1, 256] }, "payload[1] is not a number from 0 to 255"],
    [{ payload: [-1] }, "payload[0] is not a number from 0 to 255"],
    [{ payload: [1.5] }, "payload[0] is not a number from 0 to 255"],
    [{ payload: ["5"] }, "payload[0] is not a number from 0 to 255"],
    [{ payload: [null] }, "payload[0] is not a number from 0 to 255"],
    [{ payload: "\ud800" }, "the payload has an unpaired surrogate, which UTF-8 has not"],
    [{ payload: [255] }, "payloadFormatIndicator is 1 but the payload is not UTF-8"],
    [{ contentType: 5 }, "contentType is a number, not a string or null"],
    [{ contentType: "a\0" }, "contentType contains U+0000"],
    [{ contentType: "a\udfff" }, "contentType has an unpaired surrogate"],
    [{ contentType: "a".repeat(65_536) }, "contentType is longer than 65,535 bytes"],
    [{ payloadFormatIndicator: 2 }, "payloadFormatIndicator is not 0 or 1"],
    [{ payloadFormatIndicator: "1" }, "payloadFormatIndicator is not 0 or 1"],
  ])("what cannot be published drops that message only %#", async (element, detail) => {
    const answer = [{ mid: 0, ...element }, { mid: 1 }];
    expect(await verdicts([text("t", "a"), text("t", "b")], answer)).toEqual([
      { kind: "drop", reason: "hook-invalid-message", detail },
      { kind: "accept" },
    ]);
  });

  test.each([
    ["", "the answer is empty"],
    ["not a valid\nBroker \u001b[31mrequest", "the answer is not JSON: not a valid Broker [31mrequest"],
    ['[{"mid":0}', 'the answer is not JSON: [{"mid":0}'],
    ['{"mid":0}', 'the answer is an object, not an array: {"mid":0}'],
    ["null", "the answer is null, not an array: null"],
    ['[{"mid":0},5]', "the answer's array has a number in it"],
    ["[[]]", "the answer's array has an array in it"],
    ["[null]", "the answer's array has null in it"],
    [Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), "the answer is not UTF-8"],
  ])("not such an array: %j", async (body, detail) => {
    const drop = { kind: "drop", reason: "hook-invalid-answer", detail };
    expect(await verdicts([message(), message()], body)).toEqual([drop, drop]);
  });

  test("neither a byte order mark nor the content type matters", async () => {
    server.answer = (_received, response) => {
      response.setHeader("content-type", "text/html");
      response.end('\uFEFF [{"mid":0}] ');
    };
    expect((await webhook().onPublish([message()], never)).verdicts).toEqual([{ kind: "accept" }]);
  });

  test.each([
    [500, "boom", "HTTP 500: boom"],
    [403, "x".repeat(300), `HTTP 403: ${"x".repeat(200)}…`],
    [204, "", "HTTP 204"],
    [201, "[]", "HTTP 201: []"],
    [302, "", "HTTP 302 (redirects are not followed)"],
  ])("status %i", async (status, body, detail) => {
    server.answer = (_received, response) => {
      response.writeHead(status, { location: `${base}/elsewhere` });
      response.end(body);
    };
    expect(await webhook().onPublish([message()], never)).toEqual({
      status,
      verdicts: [{ kind: "drop", reason: "hook-status", detail }],
    });
    expect(server.received.length).toBe(1);
  });

  test("an answer that is too large is not read to its end; an echo never is", async () => {
    const batch = [message({ payload: Buffer.alloc(5000) })];
    const hook = webhook({ answerBytesMax: 1000 });
    expect((await hook.onPublish(batch, never)).verdicts).toEqual([{ kind: "accept" }]);
    server.answer = (_received, response) => {
      // Without an end.
      const timer = setInterval(() => response.write(" ".repeat(65_536)), 1);
      response.on("close", () => clearInterval(timer));
    };
    const answer = await hook.onPublish(batch, never);
    expect(answer.verdicts[0]).toMatchObject({ kind: "drop", reason: "hook-answer-too-large" });
    server.answer = (_received, response) => {
      response.statusCode = 500;
      response.end("e".repeat(1_000_000));
    };
    expect((await hook.onPublish(batch, never)).verdicts[0]).toMatchObject({ reason: "hook-status" });
  });
});

describe("no answer", () => {
  test("nothing listens", async () => {
    const hook = webhook({ url: `${base}/h?secret=1#f` });
    expect(hook.name).toBe(`${base}/h`);
    await server.close();
    const [verdict] = (await hook.onPublish([message()], never)).verdicts;
    expect(verdict).toMatchObject({ kind: "drop", reason: "hook-unreachable" });
    expect(verdict).toHaveProperty("detail", `${base}/h: connect ECONNREFUSED ${base.slice("http://".length)}`);
    await server.listen();
  });

  test("the connection breaks before or within the answer", async () => {
    const hook = webhook();
    for (const begin of [false, true]) {
      server.answer = (_received, response) => {
        if (begin) response.write('[{"mid":0}');
        setImmediate(() => response.destroy());
      };
      const [verdict] = (await hook.onPublish([message()], never)).verdicts;
      expect(verdict).toMatchObject({ kind: "drop", reason: "hook-unreachable" });
    }
  });

  test.each(["before the headers", "within the body"])(
    "given up %s: rejects at once and ends the connection",
    async (when) => {
      const closed = new Promise<void>((resolve) => {
        server.answer = (_received, response) => {
          if (when === "within the body") response.write('[{"mid":0}');
          response.on("close", resolve);
        };
      });
      const asked = webhook().onPublish([message()], AbortSignal.timeout(100));
      await expect(asked).rejects.toThrow("aborted");
      await closed;
    },
  );

  test("given up while the connection comes about", async () => {
    // 192.0.2.0/24 is for documentation (RFC 5737): whether packets vanish or are refused, the abort comes first.
    const hook = webhook({ url: "https://192.0.2.1/", connectTimeoutMs: 500 });
    const abort = new AbortController();
    const asked = hook.onPublish([message()], abort.signal);
    abort.abort();
    await expect(asked).rejects.toThrow("aborted");
  });

  test("closing gives up what is under way", async () => {
    const reached = new Promise<void>((resolve) => (server.answer = () => resolve()));
    const hook = webhook();
    const asked = hook.onPublish([message()], never);
    await reached;
    await hook.close();
    expect((await asked).verdicts[0]).toMatchObject({ kind: "drop", reason: "hook-unreachable" });
    await expect(hook.onPublish([message()], never)).rejects.toThrow("the hook is closed");
  });
});

describe("URLs", () => {
  test.each([
    "https://example.com/x",
    "https://10.0.0.1",
    "http://localhost:8787",
    "http://a.b.localhost",
    "http://127.0.0.1",
    "http://127.9",
    "http://[::1]:80/",
    "http://LOCALHOST/",
  ])("%s is fine", (url) => {
    expect(parseHookUrl(url)).toBeInstanceOf(URL);
  });

  test.each([
    ["", "is not a URL"],
    ["example.com", "is not a URL"],
    ["ftp://localhost", "begins with ftp:"],
    ["http://example.com/h?secret=1", "The hook URL http://example.com/h would send messages unencrypted"],
    ["http://127.0.0.1.example.com", "unencrypted"],
    ["http://localhost.example.com", "unencrypted"],
    ["http://10.0.0.1", "unencrypted"],
    ["https://me:secret@example.com", "has a user name or password"],
  ])("%j is not", (url, text_) => {
    expect(() => parseHookUrl(url)).toThrow(text_);
    try {
      parseHookUrl(url);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect(error).toMatchObject({ code: "invalid-hook-url" });
      expect((error as UserError).hint).toBeDefined();
    }
  });
});
