import type { Result } from "../../contract/types.ts";
import { defineCommand } from "../command.ts";
import { live } from "../lifetime.ts";
import { wholeNumber } from "../option-parsers.ts";
import { sleep } from "../sleep.ts";
import { printable } from "../output/table.ts";
import { type TimeStyle, addTimeOption, createTimeFormat, defaultTimeStyle } from "../output/time-style.ts";
import { UserError } from "../../errors.ts";

interface Options {
  lines: number;
  follow?: boolean;
  time?: TimeStyle;
}

type Line = Result<"listLogs">[number];

const LINES_MAX = 2000;
/** The server answers when there is something to say, and after this time all the same. */
const WAIT_MS = 20_000;
/** Before it is asked again, where it has answered at once, and had nothing to say: too many wait already. */
const RETRY_MS = 500;

export default defineCommand<Options>({
  examples: ["logs", "logs -n 20 --follow", "logs --json"],

  configure(command) {
    command
      .description("Print what the server has said to its owner: the last of 2,000 lines that it keeps.")
      .option("-n, --lines <count>", "how many lines", wholeNumber("--lines", 1, LINES_MAX), 100)
      .option("-f, --follow", "go on with those that come, until Ctrl-C");
    addTimeOption(command);
  },

  async run(context, _args, { lines, follow, time }) {
    const { output } = context;
    const client = await context.client();
    const formatTime = createTimeFormat(time ?? defaultTimeStyle(output.isTerminal));
    const print = async (found: Line[]) => {
      for (const line of found) {
        const text = `${output.out.dim(formatTime(line.time))}  ${printable(line.message)}\n`;
        await (output.json ? output.line({ v: 1, ...line }) : output.write(text));
      }
    };
    const found = await client.listLogs({ limit: lines });
    await print(found);
    if (!follow) return;
    const timedOut = () => new UserError("timed-out", "the time is over");
    await live(context, { waitMs: undefined, timedOut, bounded: false }, async ({ signal }) => {
      let last = found.at(-1)?.id ?? 0;
      for (;;) {
        const askedAt = Date.now();
        const next = await client.listLogs({ after: last, limit: LINES_MAX, wait_ms: WAIT_MS });
        await print(next);
        if (next.length === 0) await sleep(Math.max(0, askedAt + RETRY_MS - Date.now()), signal);
        signal.throwIfAborted();
        last = next.at(-1)?.id ?? last;
      }
    });
  },
});
