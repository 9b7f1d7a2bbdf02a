import { once } from "node:events";
import { createInterface } from "node:readline";
import type { CommandContext } from "../context.ts";
import { usageError } from "../errors.ts";
import { UserError } from "../../errors.ts";

/**
 * Asks before something is lost for good. Where nobody can answer it needs `--yes`: saying yes by itself in CI, as
 * wrangler does, deletes what nobody looked at.
 */
export async function confirm(context: CommandContext, question: string, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!context.mayAsk) {
    throw usageError(`${question} Nobody can be asked here`, "say --yes to do it without a question");
  }
  context.output.prompt(`${question} [y/N] `);
  const lines = createInterface({ input: context.stdin });
  const closed = new AbortController();
  try {
    const signal = AbortSignal.any([context.signal, closed.signal]);
    lines.once("close", () => closed.abort());
    const [answer] = (await once(lines, "line", { signal })) as [string];
    if (/^\s*y(es)?\s*$/i.test(answer)) return;
  } catch {
    context.signal.throwIfAborted();
  } finally {
    lines.close();
  }
  throw new UserError("cancelled", "nothing was deleted");
}
