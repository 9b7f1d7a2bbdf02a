/** The module that workerd starts with: the user's Worker, with the code around it that is ours (worker/pubsub-runtime.js). */

/** What a line of the console begins with that reports an exception. A record separator: no text begins so by itself. */
export const EXCEPTION_MARK = "\u001Eexception:";

/** What a Worker is told of its surroundings. */
export interface EntryOptions {
  /** How people call it. */
  readonly label: string;
  /** What the broker's calls have, and nobody else's. */
  readonly secret: string;
  /** Name of the broker in `env`; undefined where it is not there. */
  readonly binding: string | undefined;
  /** False for one that others call: it may have any handlers. */
  readonly isHook: boolean;
}

/** Name of the module, for esbuild. */
export const ENTRY_NAME = "pubsub-entry.js";

/** Where frames of stack traces are that are ours: here, and in worker/. */
export const OWN_FRAME = /\bpubsub-(?:entry|runtime|broker|frames|console)\.js\b|miniflare-internal:/;

/**
 * @param main absolute path of the user's main module
 * @param runtime absolute path of worker/pubsub-runtime.js
 */
export function entrySource(main: string, runtime: string, options: EntryOptions): string {
  const from = JSON.stringify(main);
  return `import * as user from ${from};
import { observe } from ${JSON.stringify(runtime)};
export * from ${from};
export default observe(user.default, ${JSON.stringify({ ...options, mark: EXCEPTION_MARK })});
`;
}
