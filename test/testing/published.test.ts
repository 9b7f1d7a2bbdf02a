/** What the package exports as `pubsub-cli/testing`, with a Worker as hook. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { startBroker } from "../../testing/index.js";
import { program } from "../setup/program.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";

const worker = `
export default {
  pubsub(messages) {
    console.log("got " + messages.length);
    return messages.filter(({ topic }) => topic !== "debug");
  },
};`;

it("runs a Worker as the hook of a broker", async () => {
  program();
  const file = path.join(temporaryFolder(), "worker.js");
  writeFileSync(file, worker);
  const said: string[] = [];
  await using broker = await startBroker({ hook: file, onWorkerOutput: ({ text }) => said.push(text) });
  const client = await broker.subscribe("#");
  await broker.publish("debug", "x");
  await broker.publish("news", "y");
  expect((await client.expectMessage()).toString()).toBe("news y");
  await broker.expectEvent("hook", { where: ({ verdict }) => verdict === "dropped" });
  expect(said).toContain("got 1");
});
