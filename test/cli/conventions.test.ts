/** What holds for every command: options, help, exit codes, what goes to which stream. */
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Fetch, fetchOverHttp } from "../../src/client/index.ts";
import { registry } from "../../src/cli/registry.ts";
import { TOKEN, harness } from "../api/harness.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import { pubsub } from "./world.ts";

/** Exit codes, see src/cli/exit-codes.ts. */
const [USAGE, CANNOT_CONNECT, REFUSED, NOT_FOUND, TIMED_OUT] = [2, 3, 4, 5, 27];

const broker = ["--namespace", "ns", "--broker", "b"];
const noBroker = ["--namespace", "ns", "--broker", "none"];
const noFile = path.join(temporaryFolder(), "none");

interface Asking {
  /** Arguments with which it succeeds, or gets as far as to ask for what is not there. */
  argv: string[];
  /** Where it ends otherwise when no server answers. */
  noServer?: number;
  /** Arguments that name what does not exist; none where there is nothing that could be missing. */
  missing?: string[];
}

/** Commands that ask the management API: with these arguments they come so far. */
const asking: Readonly<Record<string, Asking>> = {
  status: { argv: [] },
  wait: { argv: ["--timeout", "0"], noServer: TIMED_OUT },
  pub: { argv: ["a", "b"], missing: ["a", "b", ...noBroker] },
  sub: { argv: ["a"], missing: ["a", ...noBroker] },
  request: { argv: ["a", "b"], missing: ["a", "b", ...noBroker] },
  record: {
    argv: [path.join(temporaryFolder(), "r.ndjson")],
    missing: [path.join(temporaryFolder(), "r.ndjson"), ...noBroker],
  },
  "bench pub": { argv: ["-n", "1"], missing: ["-n", "1", ...noBroker] },
  "bench sub": { argv: ["-n", "1"], missing: ["-n", "1", ...noBroker] },
  "bench conn": { argv: ["-c", "1"], missing: ["-c", "1", ...noBroker] },
  tail: { argv: [], missing: [...noBroker] },
  logs: { argv: [] },
  "namespace create": { argv: ["new"] },
  "namespace list": { argv: [] },
  "namespace describe": { argv: ["ns"], missing: ["none"] },
  "namespace delete": { argv: ["ns", "--yes"], missing: ["none", "--yes"] },
  "broker create": { argv: ["new"], missing: ["new", "--namespace", "none"] },
  "broker list": { argv: [], missing: ["--namespace", "none"] },
  "broker describe": { argv: [], missing: [...noBroker] },
  "broker update": { argv: ["--description", "x"], missing: ["--description", "x", ...noBroker] },
  "broker delete": { argv: ["b", "--yes"], missing: ["none", "--yes", "--namespace", "ns"] },
  "broker public-keys": { argv: [], missing: [...noBroker] },
  "token issue": { argv: [], missing: [...noBroker] },
  "token revoke": { argv: ["--jti", "x"], missing: ["--jti", "x", ...noBroker] },
  "token unrevoke": { argv: ["--jti", "x"], missing: ["--jti", "x", ...noBroker] },
  "token revocations": { argv: [], missing: [...noBroker] },
  "broker issue": { argv: [], missing: [...noBroker] },
  "broker revoke": { argv: ["--jti", "x"], missing: ["--jti", "x", ...noBroker] },
  "broker unrevoke": { argv: ["--jti", "x"], missing: ["--jti", "x", ...noBroker] },
  "broker show-revocations": { argv: [], missing: [...noBroker] },
  "analytics query": { argv: ["SELECT 1"] },
  "analytics datasets": { argv: [] },
  "api-token create": { argv: ["x"], missing: ["x", "--namespace", "none"] },
  "api-token list": { argv: [] },
  "api-token delete": { argv: ["x", "--yes"], missing: ["0".repeat(32), "--yes"] },
  "hook set": { argv: ["http://127.0.0.1:9/"], missing: ["http://127.0.0.1:9/", ...noBroker] },
  "hook show": { argv: [], missing: [...noBroker] },
  "hook clear": { argv: [], missing: [...noBroker] },
  "retained list": { argv: [], missing: [...noBroker] },
  "retained get": { argv: ["a"], missing: ["a", ...broker] },
  "retained delete": { argv: ["a"], missing: ["a", ...noBroker] },
  "session list": { argv: [], missing: [...noBroker] },
  "session describe": { argv: ["c"], missing: ["c", ...broker] },
  "session kick": { argv: ["c"], missing: ["c", ...broker] },
};

/** Commands that need no server, with arguments that name what does not exist, and how that ends. */
const local: Readonly<Record<string, { missing?: string[]; code?: number }>> = {
  dev: {},
  serve: {},
  start: {},
  stop: { missing: [], code: CANNOT_CONNECT },
  replay: { missing: [noFile, "--url", "mqtt://127.0.0.1:2"], code: CANNOT_CONNECT },
  "token inspect": { missing: ["--token-file", noFile], code: 1 },
  "ca path": { missing: ["--persist-to", noFile], code: NOT_FOUND },
  "ca trust-instructions": { missing: ["--persist-to", noFile], code: NOT_FOUND },
  test: {},
  "hook test": {},
  "hook chaos": {},
  "hook replay": {},
  "context list": {},
  "context use": { missing: ["none"], code: NOT_FOUND },
  "context show": { missing: ["none"], code: NOT_FOUND },
  "config explain": {},
  explain: { missing: ["none"], code: NOT_FOUND },
  "data check": { missing: ["--persist-to", noFile], code: NOT_FOUND },
  "data compact": { missing: ["--persist-to", noFile], code: NOT_FOUND },
  "data export": { missing: ["--persist-to", noFile], code: NOT_FOUND },
  "data import": { missing: [noFile], code: 1 },
  doctor: { missing: noBroker, code: 1 },
  completion: {},
  __complete: {},
};

let fetch: Fetch;
beforeAll(async () => {
  const { app, createBroker } = harness();
  await createBroker();
  fetch = async (url, request) => await app.request(url, request);
});

it("the tables name every command", () => {
  const named = [...Object.keys(asking), ...Object.keys(local)];
  expect(named.toSorted()).toEqual(registry.map((entry) => entry.path).toSorted());
});

describe.each(registry.map((entry) => entry.path))("%s", (command) => {
  const words = command.split(" ");
  const row: Partial<Asking> & { code?: number } = { ...asking[command], ...local[command] };
  const { argv = [], missing, noServer = CANNOT_CONNECT, code = NOT_FOUND } = row;
  const env = { PUBSUB_API_URL: "http://localhost/client/v4", PUBSUB_API_TOKEN: TOKEN };

  it("help is data and begins with examples; an unknown option is wrong usage", async () => {
    const help = await pubsub([...words, "--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^Examples:\n {2}\S/) });
    await fails([...words, "--no-such-option"], USAGE, {});
  });

  // Commands that neither ask nor need anything have no such test, rather than one that is skipped.
  if (command in asking)
    it("fails with 3 without a server, 4 with a wrong token", async () => {
      const nobody = { PUBSUB_API_URL: "http://127.0.0.1:2/client/v4" };
      await fails([...words, ...argv], noServer, { env: nobody, fetch: fetchOverHttp });
      // `wait` waits until a server that just starts has said what its token is.
      if (command === "wait") return;
      const { stderr } = await fails([...words, ...argv], REFUSED, {
        env: { ...env, PUBSUB_API_TOKEN: "wrong" },
        fetch,
      });
      expect(stderr).toContain("PUBSUB_API_TOKEN");
      expect(stderr).toContain("--api-token");
    });

  if (missing !== undefined)
    it("fails where a thing is missing that it needs", async () => {
      await fails([...words, ...missing], code, { env, fetch });
    });
});

/** The error on standard error, with `--json` as JSON; nothing on standard output, and no stack trace. */
async function fails(argv: string[], code: number, options: Parameters<typeof pubsub>[1]) {
  // What doctor finds is its data.
  const stdout: unknown = argv[0] === "doctor" ? expect.any(String) : "";
  const failed = await pubsub(argv, options);
  expect({ ...failed, argv }).toMatchObject({ argv, code, stdout });
  expect(failed.stderr).toMatch(/^error: \S.*\n( {2}→ \S.*\n)?$/m);
  expect(failed.stderr).not.toMatch(/\n\s+at |unexpected/);
  const asJson = await pubsub([...argv, "--json"], options);
  expect(asJson).toMatchObject({ code, stdout });
  const error: unknown = { code: expect.stringMatching(/^[a-z-]+$/), message: expect.any(String) };
  expect(JSON.parse(asJson.stderr.trimEnd().split("\n").at(-1)!)).toMatchObject({ error });
  return failed;
}
