/** What only a terminal shows, in a pseudo-terminal of script(1) from util-linux. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { program } from "../setup/program.ts";
import { World } from "./world.ts";

const hasScript = /util-linux/.test(spawnSync("script", ["--version"], { encoding: "utf8" }).stdout ?? "");

/** Runs `pubsub …` at a terminal; what is typed is written to its standard input. */
function startAtTerminal(world: World, ...args: string[]) {
  const words = [process.execPath, program(), ...args].map((word) => `'${word}'`);
  return world.spawn("script", ["-qec", words.join(" "), "/dev/null"], { TERM: "dumb", CI: "" });
}

describe.skipIf(!hasScript)("at a terminal", () => {
  test("dev has keys: t shows what happens, q stops it", async () => {
    const world = await World.create();
    const ports = ["--port", "0", "--ws-port", "0", "--api-port", "0", "--no-tls", "--memory"];
    const dev = startAtTerminal(world, "dev", ...ports);
    await dev.prints("stdout", "q stops");
    dev.child.stdin!.write("t");
    await dev.prints("stdout", "What happens is shown");
    await world.run(["pub", "hello", "world"]);
    await dev.prints("stdout", /publish .*hello/);
    dev.child.stdin!.write("q");
    expect(await dev.finished).toMatchObject({ code: 0, stdout: expect.stringContaining("Stopping …") });
  });

  test("a deletion is asked for, and not done without a yes", async () => {
    const world = await World.create();
    await world.dev();
    const asked = startAtTerminal(world, "broker", "delete", "dev");
    await asked.prints("stdout", "[y/N]");
    asked.child.stdin!.write("n\n");
    expect(await asked.finished).toMatchObject({ code: 1, stdout: expect.stringContaining("nothing was deleted") });
    const { stdout } = await world.run(["broker", "list"]);
    expect(stdout).toContain("dev");
    const again = startAtTerminal(world, "broker", "delete", "dev");
    await again.prints("stdout", "[y/N]");
    again.child.stdin!.write("y\n");
    expect(await again.finished).toMatchObject({ code: 0, stdout: expect.stringContaining("Deleted the broker dev.") });
  });

  test("what takes a moment has a spinner there, which goes with the answer, and none in a pipe", async () => {
    const world = await World.create();
    // Takes connections, and never says a word.
    const silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const args = ["pub", "a", "b", "--url", `mqtt://${address}`, "--timeout", "1"];
    const words = [process.execPath, program(), ...args].map((word) => `'${word}'`);
    const atTerminal = (columns: number) => {
      const line = `stty cols ${columns}; ${words.join(" ")}`;
      return world.spawn("script", ["-qec", line, "/dev/null"], { TERM: "xterm" }).finished;
    };
    const [{ code, stdout }, withoutWidth, piped] = await Promise.all([atTerminal(80), atTerminal(0), world.run(args)]);
    expect(code).toBe(3);
    const [spinner, error] = stdout.split("error:");
    expect(spinner).toContain(`connecting to ${address}`);
    // The line is erased before the error takes its place.
    expect(spinner?.endsWith("\u001b[0K")).toBe(true);
    expect(error).toContain("does not answer");
    expect(withoutWidth).toMatchObject({ code: 3, stdout: expect.not.stringContaining("connecting") });
    expect(piped).toMatchObject({ code: 3, stdout: "", stderr: expect.not.stringContaining("connecting") });
  });
});
