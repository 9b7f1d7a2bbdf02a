import { defineCommand } from "../command.ts";
import { complete } from "../completion.ts";
import { printable } from "../output/table.ts";

interface Options {
  next?: boolean;
}

/** Nobody waits longer for a key of theirs. */
const PATIENCE_MS = 1_500;

export default defineCommand<Options>({
  examples: ["__complete -- broker de"],

  configure(command) {
    command
      .description("What could come next, a line each with its description after a tab: for `pubsub completion`.")
      .argument("[words...]", "words after pubsub; the last one is being written")
      .option("--next", "a new word is being written: for shells that cannot pass an empty one");
  },

  async run(context, [words], { next }) {
    const all = next ? [...(words as string[]), ""] : (words as string[]);
    try {
      const late = new Promise<never>((_, reject) => setTimeout(reject, PATIENCE_MS));
      const candidates = await Promise.race([complete(context, all), late]);
      for (const { text, description } of candidates) {
        void context.output.write(`${printable(text)}\t${printable(description)}\n`);
      }
    } catch {
      // A server that is not there is no reason for messages in the middle of a line.
    }
  },
});
