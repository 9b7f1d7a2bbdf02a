/** Runs command lines without a process: streams, environment, signal and API client are the test's own. */
import { PassThrough, Readable, Writable } from "node:stream";
import type { RunningServer, ServerOptions } from "../../src/app.ts";
import type { OwnBroker } from "../../src/own-broker.ts";
import { type Client, type Fetch, createClient } from "../../src/client/index.ts";
import type { ClientOptions, World } from "../../src/cli/context.ts";
import type { ServerContext } from "../../src/cli/settings/configuration.ts";
import { run } from "../../src/cli/run.ts";
import { temporaryFolder } from "../setup/temporary-folder.ts";

/** A stream that keeps what is written to it, and can be waited on. */
export class Capture extends Writable {
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly #chunks: Buffer[] = [];
  #watchers: (() => void)[] = [];

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
    for (const watcher of this.#watchers) watcher();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** Resolves when the text has been written. */
  async until(text: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const check = () => this.text.includes(text) && resolve();
      this.#watchers.push(check);
      check();
    });
    this.#watchers = [];
  }
}

export const NOW = new Date("2026-11-20T12:00:00.000Z");

export const devContext: ServerContext = {
  api: "http://127.0.0.1:8880/client/v4",
  apiToken: "api-token",
  accountId: "a".repeat(32),
  mqtt: "mqtt://127.0.0.1:1883",
  ws: "ws://127.0.0.1:8083/mqtt",
  namespace: "local",
  broker: "dev",
};

/** Loose on purpose: a test names the inputs and outputs that it is about. */
export type FakeClient = { [Operation in keyof Client]?: (...args: never[]) => unknown };

export interface TestOptions {
  env?: Record<string, string>;
  stdin?: string | Buffer | Readable;
  /** Operations of the API that the command may call, with as much of the results as it needs; others fail the test. */
  client?: FakeClient;
  /** In place of `client`: where requests to the API go. */
  fetch?: Fetch;
  isTTY?: boolean;
}

export interface Started {
  stdout: Capture;
  stderr: Capture;
  stdin: Readable;
  abort: (reason: Error) => void;
  /** Options of the API clients that the command made. */
  clients: ClientOptions[];
  exitCode: Promise<number>;
}

export function createTestWorld(options: TestOptions = {}): Omit<Started, "exitCode"> & { world: World } {
  const { env = {}, stdin = "", client = {}, fetch, isTTY = false } = options;
  const stdout = new Capture(isTTY);
  const stderr = new Capture(isTTY);
  const controller = new AbortController();
  const clients: ClientOptions[] = [];
  const input = stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)]);
  const world: World = {
    stdin: Object.assign(input, { isTTY }),
    stdout,
    stderr,
    env: { PUBSUB_CONFIG_DIR: temporaryFolder(), ...env },
    signal: controller.signal,
    cwd: "/",
    now: () => NOW,
    createClient: async (clientOptions) => {
      clients.push(clientOptions);
      if (fetch !== undefined) return createClient({ ...clientOptions, fetch });
      return new Proxy(client, {
        get(target, name) {
          // Awaiting the client asks for `then`.
          if (name === "then" || name in target) return target[name as keyof FakeClient];
          throw new Error(`the test does not expect the operation ${String(name)}`);
        },
      }) as unknown as Client;
    },
  };
  return { world, stdout, stderr, stdin: input, clients, abort: (reason) => controller.abort(reason) };
}

/** Starts a command line that goes on until the test ends it. */
export function start(argv: string[], options: TestOptions = {}): Started {
  const { world, ...started } = createTestWorld(options);
  return { ...started, exitCode: run(argv, world) };
}

/** Runs a command line to its end. */
export async function pubsub(
  argv: string[],
  options: TestOptions = {},
): Promise<{ code: number; stdout: string; stderr: string; bytes: Buffer; clients: ClientOptions[] }> {
  const { stdout, stderr, clients, exitCode } = start(argv, options);
  const code = await exitCode;
  return { code, stdout: stdout.text, stderr: stderr.text, bytes: stdout.bytes, clients };
}

/** An input that the test writes to while the command reads. */
export function openInput(): PassThrough {
  return new PassThrough();
}

/** What a server says of itself. */
export const runningServer: Omit<RunningServer, "close"> = {
  api: "http://127.0.0.1:18880/client/v4",
  apiToken: "secret",
  accountId: "b".repeat(32),
  mqtt: "mqtt://127.0.0.1:11883",
  ws: "ws://127.0.0.1:18083/mqtt",
};

/** What a server says of the broker that it was asked to make. */
export function fakeOwnBroker({ ownBroker }: ServerOptions): OwnBroker {
  return {
    ...ownBroker!,
    hookUrl: ownBroker!.onPublish?.url ?? undefined,
    issueToken: () => ({ clientId: "client-1", token: "token-1" }),
  };
}
