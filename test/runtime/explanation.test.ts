import { describe, expect, test } from "vitest";
import type { Limits, Verdict } from "../../src/broker/index.ts";
import { explainDelivery } from "../../src/runtime/explanation.ts";
import { TestBroker } from "../broker/harness.ts";

const report = { elapsedMs: 1, batchSize: 1 };

/** What is known of the first message that `p` published, for the client `c`. */
function explain(test: TestBroker, clientId = "c", messageId = 1) {
  const past = test.events.map((event, index) => ({ id: index + 1, atMs: test.now, event, bytes: 0 }));
  const found = explainDelivery(past, messageId, clientId, test.broker.sessions);
  return found && [found.outcome, found.reason, ...(found.detail === undefined ? [] : [found.detail])];
}

function world(limits: Partial<Limits> = {}) {
  const test = new TestBroker({ limits });
  return { test, client: test.connect("c"), publisher: test.connect("p") };
}

const lasting = { properties: { sessionExpiryInterval: 60 } };

test("a message of which nothing is known", () => {
  expect(explain(world().test)).toBeUndefined();
});

test("one that was delivered, to whoever it was", () => {
  const { test, client, publisher } = world();
  client.subscribes("a");
  test.connect("other").subscribes("#");
  publisher.publishes("a", "x");
  expect(explain(test)).toEqual(["delivered", "delivered"]);
  expect(explain(test, "other")).toEqual(["delivered", "delivered"]);
});

describe("the client", () => {
  test("never came, or its session ended", () => {
    const { test, client, publisher } = world();
    client.subscribes("a").loses();
    publisher.publishes("a", "x");
    expect(explain(test)).toEqual(["not-delivered", "no-session"]);
    expect(explain(test, "stranger")).toEqual(["not-delivered", "no-session"]);
  });

  test("came later", () => {
    const { test, publisher } = world();
    publisher.publishes("a", "x");
    test.connect("late").subscribes("a");
    expect(explain(test, "late")).toEqual(["not-delivered", "connected-later"]);
  });

  test("has no filter that matches, or has it later", () => {
    const { test, client, publisher } = world();
    publisher.publishes("a/b", "x");
    expect(explain(test)).toEqual(["not-delivered", "no-subscription", "it has no subscriptions"]);
    client.subscribes("a/+/c").subscribes("$share/g/b");
    expect(explain(test)).toEqual(["not-delivered", "no-subscription", "it has a/+/c, $share/g/b"]);
    client.subscribes("a/#");
    expect(explain(test)).toEqual(["not-delivered", "subscribed-later", "a/#"]);
  });

  test("was refused the filter", () => {
    const { test, client, publisher } = world({ subscriptionsPerSessionMax: 1 });
    client.subscribes("b").subscribes("a/#");
    publisher.publishes("a", "x");
    expect(explain(test)).toEqual(["not-delivered", "subscription-refused", "a/#: 0x97"]);
  });

  test("was away: QoS 0 does not wait, QoS 1 does", () => {
    const { test, publisher } = world();
    const away = () => test.connect("away", { cleanStart: false, ...lasting });
    away().subscribes("a", 1).subscribes("b", 0).loses();
    publisher.publishes("b", "x", { qos: 1 }).publishes("a", "y", { qos: 1 });
    expect(explain(test, "away", 1)).toEqual(["not-delivered", "offline-qos0"]);
    expect(explain(test, "away", 2)).toEqual(["waiting", "waiting"]);
    away();
    expect(explain(test, "away", 1)).toEqual(["not-delivered", "offline-qos0"]);
    expect(explain(test, "away", 2)).toEqual(["delivered", "delivered"]);
  });

  test("was away until the message had expired", () => {
    const { test, publisher } = world();
    test.connect("away", lasting).subscribes("a", 1).loses();
    publisher.publishes("a", "x", { qos: 1, properties: { messageExpiryInterval: 5 } });
    test.advance(6000);
    test.connect("away", { cleanStart: false, ...lasting });
    expect(explain(test, "away")).toEqual(["not-delivered", "expired"]);
  });

  test("has a full queue", () => {
    const { test, publisher } = world({ queuedMessagesMax: 1 });
    test.connect("away", lasting).subscribes("a", 1).loses();
    publisher.publishes("a", "1", { qos: 1 }).publishes("a", "2", { qos: 1 });
    expect(explain(test, "away", 2)).toEqual(["not-delivered", "queue-full"]);
  });

  test("published it itself", () => {
    const { test, client } = world();
    client.subscribes("a", 0, { noLocal: true }).publishes("a", "x");
    expect(explain(test)).toEqual(["not-delivered", "no-local", "a"]);
  });

  test("shares its subscription with another one", () => {
    const { test, client, publisher } = world();
    const member = test.connect("member").subscribes("$share/g/a");
    client.subscribes("$share/g/a");
    publisher.publishes("a", "x");
    const loser = member.takeMessages().length > 0 ? "c" : "member";
    expect(explain(test, loser)).toEqual(["not-delivered", "shared-elsewhere", "$share/g/a"]);
  });
});

describe("the hook", () => {
  test.each<[Verdict, string[]]>([
    [{ kind: "accept" }, ["delivered", "delivered"]],
    [{ kind: "drop", reason: "hook-status", detail: "HTTP 500" }, ["not-delivered", "hook-status", "HTTP 500"]],
    [{ kind: "reject", reasonCode: 0x87, reason: "no" }, ["not-delivered", "no"]],
  ])("decided %j", (verdict, explanation) => {
    const { test, client, publisher } = world();
    const pending = test.holdPublishes();
    client.subscribes("a");
    publisher.publishes("a", "x", { qos: 1 });
    expect(explain(test)).toEqual(["waiting", "waiting-for-hook"]);
    test.broker.hookCompleted(pending[0]!, verdict, report, test.now);
    expect(explain(test)).toEqual(explanation);
  });
});
