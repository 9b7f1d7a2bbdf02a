import { expect, test } from "vitest";
import { B, TOKEN, harness } from "./harness.ts";

test("why a client got a message, or did not", async () => {
  const api = harness();
  await api.createBroker();
  const explain = `GET ${B}/messages/explanation?client=c&mid=`;
  await api.call("publishMessages", `POST ${B}/messages`, { messages: [{ topic: "a", payload: "x" }] });
  // Nobody has watched.
  await api.refused("message-not-known", `${explain}1`);
  const watching = new AbortController();
  await api.app.request(`http://localhost/client/v4${B}/events`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    signal: watching.signal,
  });
  await api.call("publishMessages", `POST ${B}/messages`, { messages: [{ topic: "a", payload: "x" }] });
  expect(await api.call("explainMessage", `${explain}2`)).toMatchObject({
    mid: 2,
    client: "c",
    outcome: "not-delivered",
    reason: "no-session",
    events: [{ event: "publish", mid: 2, namespace: "ns", broker: "b", topic: "a" }],
  });
  await api.refused("message-not-known", `${explain}3`);
  await api.refused("invalid-request", `${explain}0`);
  await api.refused("invalid-request", `GET ${B}/messages/explanation?mid=2`);
  watching.abort();
});
