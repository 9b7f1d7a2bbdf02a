import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { CommandContext } from "../../src/cli/context.ts";
import type { Client } from "../../src/client/index.ts";
import { watchHotkeys } from "../../src/cli/server/hotkeys.ts";
import { createTestWorld } from "./world.ts";

/** A terminal's keyboard: keys come as they are pressed, once raw mode is on. */
function openKeyboard() {
  const modes: boolean[] = [];
  const stream = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => modes.push(on) });
  return { stream, modes };
}

function watch() {
  const { stream, modes } = openKeyboard();
  const test = createTestWorld({ stdin: stream, isTTY: true, env: { TERM: "dumb" } });
  let banners = 0;
  const client = {
    events: async (_target: object, signal: AbortSignal) =>
      (async function* () {
        yield {
          v: 1,
          event: "subscribe",
          time: "2026-11-20T12:00:00.000Z",
          clientId: "c",
          topicFilter: "a",
          reasonCode: 0,
        };
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      })(),
  } as unknown as Client;
  const stopped = watchHotkeys(new CommandContext(test.world, {}), {
    client: async () => client,
    target: { namespace: "local", broker: "dev" },
    showBanner: () => banners++,
  });
  return { ...test, stream, modes, stopped, banners: () => banners };
}

it("q stops the server, and gives the terminal back", async () => {
  const { stream, modes, stopped } = watch();
  stream.write("q");
  await stopped;
  expect(modes).toEqual([true, false]);
});

it("t shows what happens, and t again ends that; b shows the addresses", async () => {
  const { stream, stderr, stopped, banners } = watch();
  stream.write("tb");
  await stderr.until("subscribe ");
  stream.write("t");
  await stderr.until("not shown any more");
  expect(banners()).toBe(1);
  stream.write("hq");
  await stopped;
  expect(stderr.text).toContain("q stops");
});

it("there are none where nobody sits at a terminal", async () => {
  const { stream, modes } = openKeyboard();
  const { world } = createTestWorld({ stdin: stream, isTTY: true, env: { CI: "1" } });
  const target = { namespace: "local", broker: "dev" };
  const client = async () => ({}) as Client;
  void watchHotkeys(new CommandContext(world, {}), { client, target, showBanner: () => {} });
  expect(modes).toEqual([]);
});
