import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { configurationFile } from "../settings/configuration.ts";
import type { CommandContext } from "../context.ts";
import { defineCommand } from "../command.ts";
import { describeError } from "../errors.ts";
import { UserError } from "../../errors.ts";
import { connectMqtt } from "../mqtt/connection.ts";
import { resolveTarget } from "../mqtt/target.ts";
import { type BrokerOptions, addBrokerOptions, resolveBroker } from "../settings/names.ts";
import { formatLocalTime } from "../output/time-format.ts";
import { version } from "../version.ts";

interface Finding {
  check: string;
  /** `skipped`: what it needs is not there, which is said elsewhere. */
  state: "ok" | "warning" | "failed" | "skipped";
  detail: string;
  hint?: string | undefined;
}

type Check = (context: CommandContext, options: BrokerOptions) => Promise<Omit<Finding, "check"> | undefined>;

const PATIENCE_MS = 5_000;

const ok = (detail: string) => ({ state: "ok" as const, detail });
const warning = (detail: string, hint: string) => ({ state: "warning" as const, detail, hint });

const checks: readonly (readonly [name: string, check: Check])[] = [
  ["Node.js", async () => ok(`${process.version} on ${process.platform}`)],
  ["configuration", checkConfiguration],
  ["API", checkApi],
  ["API token", checkToken],
  ["MQTT", checkMqtt],
  ["certificate", checkCertificate],
  ["hook", checkHook],
];

export default defineCommand<BrokerOptions>({
  examples: ["doctor", "doctor --json"],

  configure(command) {
    command.description(
      "Look at everything that has to be right: the configuration, the server, its token, MQTT, the certificate and the " +
        "hook. Changes nothing. Exit code 1 if something fails.",
    );
    addBrokerOptions(command);
  },

  async run(context, _args, options) {
    const { output } = context;
    const findings: Finding[] = [];
    let reachable = true;
    for (const [check, look] of checks) {
      const needsServer = ["API token", "MQTT", "hook"].includes(check);
      const finding = await lookSafely(needsServer && !reachable ? skip : look, context, options);
      if (!finding) continue;
      findings.push({ check, ...finding });
      if (check === "API" && finding.state === "failed") reachable = false;
      if (!output.json) await output.write(findingText(context, { check, ...finding }));
    }
    if (output.json) output.document(findings, "");
    const failed = findings.filter(({ state }) => state === "failed");
    if (failed.length === 0) return;
    throw new UserError("not-healthy", `not in order: ${failed.map(({ check }) => check).join(", ")}`);
  },
});

const skip: Check = async () => ({ state: "skipped", detail: "needs the server" });

async function lookSafely(
  look: Check,
  context: CommandContext,
  options: BrokerOptions,
): Promise<Omit<Finding, "check"> | undefined> {
  try {
    return await look(context, options);
  } catch (error) {
    context.signal.throwIfAborted();
    const { message, hint } = describeError(error);
    return { state: "failed", detail: message, hint };
  }
}

function findingText({ output }: CommandContext, { check, state, detail, hint }: Finding): string {
  const { green, yellow, red, dim } = output.out;
  const sign = { ok: green("ok     "), warning: yellow("warning"), failed: red("failed "), skipped: dim("skipped") };
  const remedy = hint === undefined ? "" : `${" ".repeat(24)}→ ${hint}\n`;
  return `${sign[state]}  ${check.padEnd(13)}  ${detail}\n${remedy}`;
}

async function checkConfiguration({ env, settings }: CommandContext) {
  const file = configurationFile(env);
  if (settings.context === undefined) return ok(`no server is remembered in ${file}`);
  const mode = statSync(file).mode & 0o777;
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    return warning(`others may read ${file}, which has tokens`, `chmod 600 '${file}'`);
  }
  return ok(file);
}

async function checkApi(context: CommandContext) {
  const client = await context.client();
  const { version: running, pid } = await client.status();
  const address = `${context.settings.api}, pubsub ${running}, process ${pid}`;
  if (running === version) return ok(address);
  return warning(`${address}; this program is ${version}`, "start the server anew with this version");
}

async function checkToken(context: CommandContext) {
  const client = await context.client();
  await client.listNamespaces();
  return ok(`accepted, from ${context.settings.sources.apiToken}`);
}

async function checkMqtt(context: CommandContext, options: BrokerOptions) {
  const target = await resolveTarget(context, { ...options, mqttVersion: 5 });
  const connection = await connectMqtt(target, { timeoutMs: PATIENCE_MS, signal: context.signal });
  try {
    const before = performance.now();
    await connection.roundTrip();
    const ms = Math.max(1, Math.round(performance.now() - before));
    return ok(`${target.url.href} lets us in, and answers in ${ms} ms`);
  } finally {
    await connection.close();
  }
}

async function checkCertificate(context: CommandContext) {
  const file = context.settings.context?.ca;
  if (file === undefined) return undefined;
  const { validTo } = new X509Certificate(readFileSync(file));
  const end = formatLocalTime(validTo);
  if (Date.parse(validTo) < context.now().getTime()) {
    return warning(`the local authority's ended ${end}`, "`pubsub dev` makes a new one");
  }
  return ok(`${file}, good until ${end}`);
}

/** Only whether something listens: a request would be a message. */
async function checkHook(context: CommandContext, options: BrokerOptions) {
  const client = await context.client();
  const target = await resolveBroker(context, client, options);
  const { on_publish: hook } = await client.describeBroker(target);
  if (!hook?.url) return ok(`${target.namespace}/${target.broker} has none`);
  const url = new URL(hook.url);
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  await new Promise<void>((resolve, reject) => {
    const refused = (why: string) =>
      new UserError("hook-unreachable", `nothing answers at ${hook.url} (${why})`, "is the hook running?");
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port, timeout: PATIENCE_MS });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", (error: NodeJS.ErrnoException) => reject(refused(error.code ?? error.message)));
  });
  return ok(`something listens at ${hook.url}`);
}
