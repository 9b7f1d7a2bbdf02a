/**
 * Notes what a Worker says on its console while it decides about a batch, so that it can be shown with the batch's messages.
 * It is printed as always, too.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** Of all lines of one batch; what is beyond is only printed. */
const CHARS_MAX = 4000;
/** Of the header, whose characters are escaped. */
const HEADER_CHARS_MAX = 8000;

const storage = new AsyncLocalStorage();

for (const level of ["debug", "log", "info", "warn", "error"]) {
  const print = console[level].bind(console);
  console[level] = (...values) => {
    storage.getStore()?.add(level, values);
    print(...values);
  };
}

class Lines {
  #lines = [];
  #chars = 0;

  add(level, values) {
    if (this.#chars >= CHARS_MAX) return;
    const text = values
      .map(textOf)
      .join(" ")
      .slice(0, CHARS_MAX - this.#chars);
    this.#chars += text.length;
    this.#lines.push([level, text]);
  }

  /** undefined where nothing was said. */
  get header() {
    while (this.#lines.length > 0) {
      const text = encodeURIComponent(JSON.stringify(this.#lines).toWellFormed());
      if (text.length <= HEADER_CHARS_MAX) return text;
      this.#lines.pop();
    }
    return undefined;
  }
}

/**
 * Answers, and adds what was said meanwhile.
 * @param {() => Promise<Response>} answer
 */
export async function withConsole(answer) {
  const lines = new Lines();
  const response = await storage.run(lines, answer);
  const { header } = lines;
  if (header === undefined) return response;
  // One that comes from fetch() has headers that cannot be changed.
  const told = new Response(response.body, response);
  told.headers.set("x-pubsub-console", header);
  return told;
}

function textOf(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.stack ?? String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
