/** Keys of `pubsub dev`, where somebody sits at a terminal. */
import process from "node:process";
import type { Client } from "../../client/index.ts";
import type { CommandContext } from "../context.ts";

export interface HotkeyActions {
  client(): Promise<Client>;
  target: { namespace: string; broker: string };
  showBanner(): void;
}

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
export const HOTKEY_HINT = "Keys: t shows what happens, b the addresses, c clears the screen, q stops.";

/** A standard input whose keys come one by one. */
interface Keyboard extends NodeJS.EventEmitter {
  setRawMode(on: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** Resolves when the user wants to stop. Where there is no keyboard it never does. */
export async function watchHotkeys(context: CommandContext, actions: HotkeyActions): Promise<void> {
  const { stdin, output, signal } = context;
  const keyboard = stdin as unknown as Partial<Keyboard>;
  if (!context.mayAsk || !keyboard.setRawMode) {
    await new Promise(() => {});
    return;
  }
  const keys = keyboard as Keyboard;
  let watching: AbortController | undefined;
  const toggleTail = () => {
    watching?.abort();
    if (watching) output.info(output.err.dim("What happens is not shown any more."));
    watching = watching ? undefined : new AbortController();
    if (watching) void showEvents(context, actions, watching.signal);
  };
  keys.setRawMode(true);
  try {
    await new Promise<void>((resolve) => {
      const onData = (data: Buffer | string) => {
        for (const key of data.toString()) {
          if (key === "q" || key === CTRL_D) resolve();
          else if (key === CTRL_C) process.kill(process.pid, "SIGINT");
          else if (key === "t") toggleTail();
          else if (key === "b") actions.showBanner();
          else if (key === "c") output.info("\u001b[2J\u001b[H");
          else if (key === "h" || key === "?") output.info(HOTKEY_HINT);
        }
      };
      keys.on("data", onData);
      keys.resume();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    watching?.abort();
    keys.setRawMode(false);
    keys.pause();
  }
}

async function showEvents(
  context: CommandContext,
  { client, target }: HotkeyActions,
  signal: AbortSignal,
): Promise<void> {
  const { output } = context;
  const { TailFormatter } = await import("../output/tail-format.ts");
  const formatter = new TailFormatter(output.err, output.columns);
  try {
    const events = await (await client()).events(target, signal);
    output.info(output.err.dim("What happens is shown; t again ends that."));
    for await (const event of events) {
      if (signal.aborted) return;
      output.info(formatter.format(event));
    }
  } catch (error) {
    if (!signal.aborted) output.warn(`what happens cannot be shown: ${(error as Error).message}`);
  }
}
