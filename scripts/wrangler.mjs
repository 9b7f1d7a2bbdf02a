/**
 * The old clients against our server: wrangler's `pubsub` commands, in the last version 3 and the last one that has them,
 * do the whole life cycle of namespaces, brokers, credentials, revocations and public keys. Installs them from npm.
 *
 *   npm run wrangler [-- [VERSION…] [--keep FOLDER]]   FOLDER keeps the installations for the next time
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const VERSIONS = ["4.61.1", "3.114.17"];
const COMMAND_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 240_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({ options: { keep: { type: "string" } }, allowPositionals: true });
const { keep } = values;
const work = keep ?? mkdtempSync(path.join(tmpdir(), "pubsub-wrangler-"));
let failed = 0;

/** Runs a program to its end, whatever its exit code. */
function run(file, args, { cwd, env, timeout }) {
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd, env: { ...process.env, ...env }, timeout }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? 1), output: stdout + stderr });
    });
    child.stdin.end();
  });
}

async function install(version) {
  const folder = path.join(work, version);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), "{}");
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", `wrangler@${version}`];
  const { code, output } = await run("npm", args, { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
  assert.equal(code, 0, `npm install wrangler@${version} failed:\n${output}`);
  return folder;
}

async function startServer() {
  const args = [path.join(root, "bin/pubsub.js"), "serve", "--json", "--no-tls", "--memory"];
  for (const option of ["--port", "--ws-port", "--api-port"]) args.push(option, "0");
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(server.stdout, "data");
  return { server, ready: JSON.parse(line) };
}

/** One version of wrangler, in a namespace of its own. */
async function lifeCycle(version, folder, ready) {
  // It remembers the account, and every server has another one.
  rmSync(path.join(folder, "node_modules/.cache"), { recursive: true, force: true });
  const program = path.join(folder, "node_modules/wrangler/bin/wrangler.js");
  const env = {
    CLOUDFLARE_API_BASE_URL: ready.api,
    CLOUDFLARE_API_TOKEN: ready.apiToken,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: path.join(folder, "logs"),
    CI: "true",
    NO_COLOR: "1",
    FORCE_COLOR: "0",
    NO_PROXY: "127.0.0.1",
  };
  const namespace = `v${version.replaceAll(".", "-")}`;
  const at = `/accounts/${ready.accountId}/pubsub/namespaces/${namespace}`;

  const wrangler = (command, more = {}) =>
    run(process.execPath, [program, "pubsub", ...command.split(" ")], {
      cwd: folder,
      env: { ...env, ...more },
      timeout: COMMAND_TIMEOUT_MS,
    });
  /** Expects success, and each of these texts in what it prints. */
  const works = async (command, ...texts) => {
    const { code, output } = await wrangler(command);
    assert.equal(code, 0, `wrangler pubsub ${command}:\n${output}`);
    for (const text of texts) assert.match(output, text, `wrangler pubsub ${command}`);
    return output;
  };
  const fails = async (command, texts, more) => {
    const { code, output } = await wrangler(command, more);
    assert.notEqual(code, 0, `wrangler pubsub ${command}:\n${output}`);
    for (const text of texts) assert.match(output, text, `wrangler pubsub ${command}`);
  };
  const result = async (target) => {
    const response = await fetch(ready.api + target, { headers: { authorization: `Bearer ${ready.apiToken}` } });
    return (await response.json()).result;
  };

  await works(`namespace create ${namespace} --description text`);
  assert.equal((await result(at)).description, "text");
  await works("namespace list", new RegExp(namespace));
  await works(`namespace describe ${namespace}`, /text/);
  await fails(`namespace create ${namespace}`, [/exists already \[code: 17101\]/, /choose another one/]);

  const broker = `b --namespace ${namespace}`;
  await works(`broker create ${broker} --expiration 48h`, /b\.v/);
  assert.equal((await result(`${at}/brokers/b`)).expiration, 172_800);
  await works(`broker update ${broker} --on-publish-url https://hook.example/ --description new`);
  const updated = await result(`${at}/brokers/b`);
  assert.deepEqual([updated.on_publish, updated.description], [{ url: "https://hook.example/" }, "new"]);
  await works(`broker list --namespace ${namespace}`, /\bb\b/);
  await works(`broker describe ${broker}`, /hook\.example/);
  await fails(`broker update ${broker} --on-publish-url nonsense`, [/on_publish\.url: must be a URL/]);
  await fails(`broker describe none --namespace ${namespace}`, [/no broker none.*\[code: 17200\]/]);

  const issued = await works(`broker issue ${broker} --number 2 --expiration 1h`);
  const tokens = issued.match(/[\w-]+\.[\w-]+\.[\w-]{40,}/g);
  assert.equal(tokens?.length, 2, issued);
  const { jti, iat, exp } = JSON.parse(Buffer.from(tokens[0].split(".")[1], "base64url").toString());
  assert.equal(exp - iat, 3600);
  await works(`broker issue ${broker} --client-id mine`, /mine/);
  await fails(`broker issue ${broker} --number 101`, [/number: must be at most 100/]);

  await works(`broker revoke ${broker} --jti ${jti} --jti other`);
  assert.deepEqual(await result(`${at}/brokers/b/revocations`), [jti, "other"]);
  await works(`broker show-revocations ${broker}`, new RegExp(jti));
  await works(`broker unrevoke ${broker} --jti other`);
  assert.deepEqual(await result(`${at}/brokers/b/revocations`), [jti]);
  await works(`broker public-keys ${broker}`, /Ed25519/, /EdDSA/);

  await fails("namespace list", [/Invalid access token|Unauthorized|9109/], { CLOUDFLARE_API_TOKEN: "wrong" });
  await fails(`namespace delete ${namespace}`, [/still has a broker \[code: 17102\]/]);
  await works(`broker delete ${broker}`);
  await works(`namespace delete ${namespace}`);
  assert.equal(await result(at), null);
}

const { server, ready } = await startServer();
try {
  await Promise.all(
    (positionals.length > 0 ? positionals : VERSIONS).map(async (version) => {
      const started = Date.now();
      try {
        await lifeCycle(version, await install(version), ready);
        console.log(`ok      wrangler ${version} (${Math.round((Date.now() - started) / 1000)} s)`);
      } catch (error) {
        failed++;
        console.error(`FAILED  wrangler ${version}: ${error.message}`);
      }
    }),
  );
} finally {
  server.kill();
  await once(server, "exit");
  if (keep === undefined) rmSync(work, { recursive: true, force: true });
}
if (failed > 0) process.exitCode = 1;
