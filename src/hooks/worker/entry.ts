/**
 * The module that workerd starts with: the user's Worker, whose exceptions it tells of before they go on. Otherwise a
 * failed request says only "Internal Server Error", and a promise given to `waitUntil` fails in silence.
 */

/** What a line of the console begins with that reports an exception. A record separator: no text begins so by itself. */
export const EXCEPTION_MARK = "\u001Eexception:";

/** Where frames of stack traces are that are ours. */
export const ENTRY_NAME = "pubsub-entry.js";

/**
 * @param main absolute path of the user's main module
 * @param label how people call it
 */
export function entrySource(main: string, label: string): string {
  const from = JSON.stringify(main);
  return `import * as user from ${from};
export * from ${from};
${runner}
export default observe(user.default, ${JSON.stringify(label)});
`;
}

const runner = `
const report = (error) => {
  const text = error instanceof Error ? error.stack ?? String(error) : String(error);
  console.error(${JSON.stringify(EXCEPTION_MARK)} + text);
};

addEventListener("unhandledrejection", (event) => {
  report(event.reason);
  event.preventDefault();
});

const observed = (context) => {
  if (context === undefined || typeof context.waitUntil !== "function") return context;
  const waitUntil = context.waitUntil.bind(context);
  Object.defineProperty(context, "waitUntil", {
    configurable: true,
    value: (promise) => waitUntil(Promise.resolve(promise).catch(report)),
  });
  return context;
};

const failed = (error) => {
  report(error);
  return new Response("exception: " + (error instanceof Error ? error.message : String(error)), { status: 500 });
};

function observe(worker, label) {
  if (worker === undefined) {
    throw new Error(label + " has no default export: a Worker is a module with export default { fetch }");
  }
  if (typeof worker === "function") {
    return class extends worker {
      constructor(context, env) {
        super(observed(context), env);
      }
      async fetch(request) {
        if (super.fetch === undefined) return failed(new Error(label + " has no handler fetch"));
        try {
          return await super.fetch(request);
        } catch (error) {
          return failed(error);
        }
      }
    };
  }
  const handlers = {};
  for (const name of ["fetch", "scheduled", "queue", "email", "tail", "trace", "test"]) {
    const handler = worker[name];
    if (typeof handler !== "function") continue;
    handlers[name] = async (input, env, context) => {
      try {
        return await handler.call(worker, input, env, observed(context));
      } catch (error) {
        if (name === "fetch") return failed(error);
        report(error);
        throw error;
      }
    };
  }
  return handlers;
}`;
