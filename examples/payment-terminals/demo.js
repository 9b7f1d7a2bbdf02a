/**
 * The main job on one screen: terminals publish, the hook counts, redacts and drops, a subscriber prints what arrives, and
 * `pubsub tail` shows what became of each message. Uses only what every user has: the program, its API, MQTT.
 *
 *   node examples/payment-terminals/demo.js          until Ctrl-C
 *   node examples/payment-terminals/demo.js --once   until it has seen a passed, a modified and a dropped message
 */
import path from "node:path";
import { parseArgs, styleText } from "node:util";
import mqtt from "mqtt";
import hook from "./hook.js";
import { freePort, pubsub, startBroker } from "./process.js";
import { serve } from "./serve.js";
import { startTerminal, TERMINALS, topicsOf } from "./terminals.js";

const DEFAULT_PORTS = { mqtt: 1883, ws: 8083, api: 8880 };
const ONCE_LIMIT_MS = 10_000;
const COUNTS_EVERY_MS = 10_000;

const COLORS = {
  passed: "green",
  modified: "yellow",
  dropped: "red",
  subscriber: "cyan",
  tail: "magenta",
  hook: "blue",
};
const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
const colored = FORCE_COLOR ? FORCE_COLOR !== "0" : !NO_COLOR && TERM !== "dumb" && process.stdout.isTTY;

const color = (name, text) => (colored ? styleText(COLORS[name], text) : text);
const print = (text) => process.stdout.write(`${text}\n`);
const say = (who, text) => print(`${color(who, who.padEnd(10))} ${text}`);

/** Runs in the order of starting; `stop` ends everything in the opposite order. */
class Demo {
  /** Verdict → messages, as tail saw them. */
  verdicts = { passed: 0, modified: 0, dropped: 0, rejected: 0 };
  received = { transactions: 0, status: 0, debug: 0 };
  /** A full card number that a subscriber got to see. */
  leaked = undefined;
  onProgress = () => {};
  #started = false;
  #stopping = false;
  #stops = [];
  #fail;
  /** Rejects when something that should run on does not. */
  failed = new Promise((_resolve, reject) => (this.#fail = reject));

  constructor() {
    this.failed.catch(() => {});
  }

  fail(message) {
    if (!this.#stopping) this.#fail(new Error(message));
  }

  async start(roundMs) {
    const bindings = {};
    this.hook = await serve(hook, { env: bindings });
    this.#own(async () => this.hook.close());
    // Last of all, when everything under way has come through.
    this.#own(async () => this.#started && this.printCounts());

    const ports = await this.#ports();
    this.broker = await startBroker(ports);
    this.#own(async () => this.broker.stop());
    void this.broker.exited.then((code) => this.fail(`the broker ended (${code}):\n${this.broker.said()}`));

    await this.#api("PATCH", "", { on_publish: { url: this.hook.url } });
    bindings.BROKER_PUBLIC_KEYS = JSON.stringify(await this.#api("GET", "/publickeys"));

    this.#explain();
    await this.#startTail();
    await this.#startSubscriber();
    for (const [index, terminal] of TERMINALS.entries()) await this.#startTerminal(terminal, index, roundMs);
    this.#started = true;
  }

  async stop() {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const stop of this.#stops.toReversed()) await stop().catch(() => {});
  }

  /** Something to end with the demo; at once where that is over, as after Ctrl-C while it starts. */
  #own(stop) {
    if (this.#stopping) void stop().catch(() => {});
    else this.#stops.push(stop);
  }

  async printCounts() {
    const counts = await (await fetch(`${this.hook.url}/counts`)).json();
    const text = Object.entries(counts).map(([region, count]) => `${region} ${count}`);
    say("hook", `transactions per region: ${text.join(", ") || "none"}`);
  }

  async #ports() {
    const ports = {};
    for (const [name, port] of Object.entries(DEFAULT_PORTS)) {
      ports[name] = await freePort(port);
      if (ports[name] === 0) print(`Port ${port} (${name}) is taken: another one is used.`);
    }
    return ports;
  }

  /** One operation on the demo's broker. @returns `result` of the envelope */
  async #api(method, operation, body) {
    const { api, apiToken, accountId, namespace, broker } = this.broker.ready;
    const url = `${api}/accounts/${accountId}/pubsub/namespaces/${namespace}/brokers/${broker}${operation}`;
    const headers = { authorization: `Bearer ${apiToken}`, "content-type": "application/json" };
    const response = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const answer = await response.json();
    if (!answer.success) {
      throw new Error(`${method} ${url}: ${answer.errors.map(({ message }) => message).join(", ") || response.status}`);
    }
    return answer.result;
  }

  /** Connects an MQTT client with a token of its own. */
  async #connect(clientId, topics) {
    const query = new URLSearchParams([
      ["type", "TOKEN"],
      ["clientid", clientId],
    ]);
    for (const topic of topics) query.append("topicAcl", topic);
    const tokens = await this.#api("GET", `/credentials?${query}`);
    const client = await mqtt.connectAsync(this.broker.ready.mqtt, {
      protocolVersion: 5,
      clientId,
      username: clientId,
      password: tokens[clientId],
      reconnectPeriod: 0,
    });
    client.on("error", (error) => this.fail(`${clientId}: ${error.message}`));
    client.on("close", () => this.fail(`${clientId}: the broker closed the connection`));
    this.#own(async () => client.endAsync());
    return client;
  }

  async #startTail() {
    const { api, apiToken, accountId, namespace, broker } = this.broker.ready;
    const env = { PUBSUB_API_URL: api, PUBSUB_API_TOKEN: apiToken, PUBSUB_ACCOUNT_ID: accountId };
    const tail = pubsub(["tail", "--event", "hook", "--json", "--namespace", namespace, "--broker", broker], env);
    this.#own(async () => tail.stop());
    void tail.exited.then((code) => this.fail(`tail ended (${code}):\n${tail.said()}`));
    tail.lines.on("line", (line) => this.#onTail(JSON.parse(line)));
    const listening = new Promise((resolve) => {
      tail.onStderr(() => tail.said().includes("listening") && resolve());
    });
    await Promise.race([listening, this.failed]);
  }

  #onTail(event) {
    if (event.event !== "hook") return;
    const { verdict, topic, reason, ms, batch } = event;
    this.verdicts[verdict]++;
    const why = reason === undefined ? "" : ` (${reason}${event.detail === undefined ? "" : `: ${event.detail}`})`;
    say("tail", `${color(verdict, verdict.padEnd(8))} ${topic}${why}  ${ms.toFixed(1)} ms, batch of ${batch}`);
    this.onProgress();
  }

  async #startSubscriber() {
    const subscriber = await this.#connect("back-office", ["#"]);
    subscriber.on("message", (topic, payload) => {
      const kind = topic.split("/")[0];
      if (kind in this.received) this.received[kind]++;
      if (TERMINALS.some(({ card }) => payload.includes(card))) this.leaked = topic;
      say("subscriber", `${topic}  ${payload.toString()}`);
      this.onProgress();
    });
    await subscriber.subscribeAsync("#", { qos: 1 });
  }

  async #startTerminal(terminal, index, roundMs) {
    const client = await this.#connect(terminal.name, topicsOf(terminal));
    // Not all in the same moment.
    await new Promise((resolve) => setTimeout(resolve, index === 0 ? 0 : roundMs / TERMINALS.length));
    const running = startTerminal(terminal, client, roundMs, (error) => {
      this.fail(`${terminal.name} could not publish: ${error.message}`);
    });
    this.#own(async () => running.stop());
  }

  #explain() {
    const { mqtt: address, api } = this.broker.ready;
    const program = path.relative(process.cwd(), path.join(import.meta.dirname, "../../bin/pubsub.js"));
    print(`
Payment terminals publish over MQTT; a hook sees every message before any subscriber does.

  broker  ${address}
  API     ${api}
  hook    ${this.hook.url}  (examples/payment-terminals/hook.js)

  transactions/<region>/<terminal>   ${color("modified", "modified")}  all but the last digits of the card number are hidden; counted per region
  status/<terminal>                  ${color("passed", "passed")}
  debug/<terminal>                   ${color("dropped", "dropped")}

In another terminal:
  node ${program} sub '#' -v
  node ${program} pub transactions/eu/me '{"amount":12,"currency":"EUR","card":"4242424242424242"}'
  node ${program} tail
  curl ${this.hook.url}/counts
`);
  }
}

/** What a run with --once has not seen, in words. */
function missing({ verdicts, received, leaked }) {
  const texts = [];
  for (const verdict of ["passed", "modified", "dropped"]) {
    if (verdicts[verdict] === 0) texts.push(`tail showed no ${verdict} message`);
  }
  if (received.transactions === 0) texts.push("the subscriber got no transaction");
  if (received.status === 0) texts.push("the subscriber got no status");
  if (received.debug > 0) texts.push("the subscriber got a debug message, which the hook drops");
  if (leaked !== undefined) texts.push(`the subscriber saw a whole card number on ${leaked}`);
  return texts;
}

/** Resolves when nothing is missing any more. */
function complete(demo) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(missing(demo).join("; "))), ONCE_LIMIT_MS);
    demo.onProgress = () => {
      if (missing(demo).length > 0) return;
      clearTimeout(limit);
      resolve();
    };
    demo.onProgress();
  });
}

async function main() {
  const { once } = parseArgs({ options: { once: { type: "boolean", default: false } } }).values;
  const demo = new Demo();
  let over = false;
  let interruptedAt = Infinity;
  const interrupted = new Promise((resolve) => {
    const onSignal = () => {
      // A second Ctrl-C ends at once. The first may come twice: from the terminal and from npm.
      if (Date.now() - interruptedAt > 500) process.exit(130);
      interruptedAt = Math.min(interruptedAt, Date.now());
      over = true;
      resolve();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    // The reader is gone, as with `| head`.
    process.stdout.on("error", () => {
      over = true;
      resolve();
    });
  });
  let timer;
  try {
    await Promise.race([demo.start(once ? 200 : 2000), interrupted, demo.failed]);
    if (!over) {
      timer = setInterval(() => void demo.printCounts().catch(() => {}), COUNTS_EVERY_MS);
      await Promise.race([once ? complete(demo) : new Promise(() => {}), interrupted, demo.failed]);
    }
  } finally {
    clearInterval(timer);
    await demo.stop();
  }
  if (once && !over) print("One message passed, one was modified, one was dropped: all as it should be.");
}

await main().catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
