import { expect, test } from "vitest";
import { agree, brokerOfHost } from "../../src/transport/addressed.ts";

test.each([
  ["dev.local.localhost", { namespace: "local", broker: "dev" }],
  ["DEV.Local.LOCALHOST:8084", { namespace: "local", broker: "dev" }],
  ["localhost", undefined],
  ["local.localhost", undefined],
  ["a.dev.local.localhost", undefined],
  [".local.localhost", undefined],
  ["dev.local.example", undefined],
  ["dev.locallocalhost", undefined],
  ["", undefined],
])("%j", (host, broker) => {
  expect(brokerOfHost(host, "localhost")).toEqual(broker);
});

const a = { namespace: "n", broker: "a" };
const b = { namespace: "n", broker: "b" };
const c = { namespace: "m", broker: "a" };

test.each([
  [[], undefined],
  [[undefined, undefined], undefined],
  [[undefined, a], a],
  [[a, undefined, { ...a }], a],
  [[a, b], "contradictory"],
  [[a, a, b], "contradictory"],
  [[a, undefined, c], "contradictory"],
])("%j mean together", (names, meant) => {
  expect(agree(names)).toEqual(meant);
});
