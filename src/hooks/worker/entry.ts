/**
 * The module that workerd starts with: the user's Worker, whose exceptions it tells of before they go on. Otherwise a
 * failed request says only "Internal Server Error", and a promise given to `waitUntil` fails in silence. And it turns
 * the broker's requests into calls of the handler `pubsub`, where there is one.
 */

/** What a line of the console begins with that reports an exception. A record separator: no text begins so by itself. */
export const EXCEPTION_MARK = "\u001Eexception:";

/** Where frames of stack traces are that are ours. */
export const ENTRY_NAME = "pubsub-entry.js";

/**
 * @param main absolute path of the user's main module
 * @param label how people call it
 * @param library absolute path of our module for Workers
 */
export function entrySource(main: string, label: string, library: string): string {
  const from = JSON.stringify(main);
  return `import * as user from ${from};
import { isValidBrokerRequest } from ${JSON.stringify(library)};
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

const utf8 = new TextEncoder();

const publish = async (request, pubsub, label) => {
  const messages = await request.json();
  for (const message of messages) {
    const { payload } = message;
    message.payload = typeof payload === "string" ? utf8.encode(payload) : Uint8Array.from(payload);
  }
  const passed = await pubsub(messages);
  if (!Array.isArray(passed)) throw new TypeError(label + ": pubsub returned no array of messages to deliver");
  return Response.json(
    passed.map(({ payload, ...message }) => ({
      ...message,
      payload: payload instanceof Uint8Array ? Array.from(payload) : payload,
    })),
  );
};

const answer = async (request, env, label, pubsub, fetch) => {
  try {
    if (pubsub !== undefined && (await isValidBrokerRequest(request, env.BROKER_PUBLIC_KEYS))) {
      return await publish(request, pubsub, label);
    }
    return fetch === undefined ? new Response("only for its broker", { status: 403 }) : await fetch(request);
  } catch (error) {
    return failed(error);
  }
};

const NO_HANDLER = " has neither a handler pubsub nor fetch";

function observe(worker, label) {
  if (worker === undefined) {
    throw new Error(label + " has no default export: a Worker is a module with export default { pubsub } or { fetch }");
  }
  if (typeof worker === "function") {
    return class extends worker {
      constructor(context, env) {
        super(observed(context), env);
      }
      async fetch(request) {
        const pubsub = super.pubsub && ((messages) => super.pubsub(messages));
        const fetch = super.fetch && ((request) => super.fetch(request));
        if (!pubsub && !fetch) return failed(new Error(label + NO_HANDLER));
        return await answer(request, this.env, label, pubsub, fetch);
      }
    };
  }
  const handlers = {};
  const { fetch, pubsub } = worker;
  if (!fetch && !pubsub) throw new Error(label + NO_HANDLER);
  handlers.fetch = (request, env, context) => {
    observed(context);
    return answer(
      request,
      env,
      label,
      pubsub && ((messages) => pubsub.call(worker, messages, env, context)),
      fetch && ((request) => fetch.call(worker, request, env, context)),
    );
  };
  for (const name of ["scheduled", "queue", "email", "tail", "trace", "test"]) {
    const handler = worker[name];
    if (typeof handler !== "function") continue;
    handlers[name] = async (input, env, context) => {
      try {
        return await handler.call(worker, input, env, observed(context));
      } catch (error) {
        report(error);
        throw error;
      }
    };
  }
  return handlers;
}`;
