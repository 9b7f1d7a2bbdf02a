import { expect, it, onTestFinished } from "vitest";
import { startServer } from "../../src/app.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";

it("ends a start that is told to, wherever it is, and leaves nothing behind", async () => {
  const persistTo = temporaryFolder();
  const ports = { port: 0, wsPort: 0, apiPort: 0 };
  const start = async (checksMax: number) => {
    let checks = 0;
    const reason = new Error("stop");
    const signal = {
      throwIfAborted: () => {
        if (checks++ === checksMax) throw reason;
      },
    } as AbortSignal;
    const starting = startServer({ version: "test", ...ports, persistTo, signal });
    const outcome = await starting.catch((error: unknown) => error);
    return outcome === reason ? "ended" : outcome;
  };
  // Before anything listens, before WebSocket, before the API; the folder's lock is free each time.
  for (const checksMax of [0, 1, 2, 3]) expect(await start(checksMax)).toBe("ended");
  const running = (await start(4)) as Awaited<ReturnType<typeof startServer>>;
  onTestFinished(() => running.close());
  expect(running.mqtt).toMatch(/^mqtt:/);
});
