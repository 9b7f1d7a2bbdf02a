/** What a command gets from the world around it: streams, environment, signal, settings, API client. */
import type { Readable } from "node:stream";
import type { Client } from "../client/index.ts";
import { Output, type OutputStream, isCi } from "./output/output.ts";
import type { GlobalOptions } from "./program.ts";
import type { ProjectFile } from "./settings/project-file.ts";
import type { Environment } from "./environment.ts";
import { type ServerOptions, type Settings, resolveSettings } from "./settings/settings.ts";

export type InputStream = Readable & { readonly isTTY?: boolean };

/** What to speak to the management API with. */
export interface ClientOptions {
  baseUrl: string;
  apiToken: string;
  accountId: string | undefined;
}

/** The world as the program finds it, or as a test makes it. */
export interface World {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Environment;
  /** Aborted by Ctrl-C, SIGTERM, or when nobody reads the output any more; the reason says which. */
  readonly signal: AbortSignal;
  /** The folder that the user is in. */
  readonly cwd: string;
  now(): Date;
  createClient(options: ClientOptions): Promise<Client>;
}

export class CommandContext {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly output: Output;
  readonly argv: readonly string[];
  readonly #world: World;
  readonly #project: () => ProjectFile | undefined;
  readonly #options: GlobalOptions & ServerOptions;
  #settings: Settings | undefined;

  /**
   * @param argv the command line that led here
   * @param project gives the project's file, see `openProjectFile`
   */
  constructor(
    world: World,
    options: GlobalOptions & ServerOptions,
    argv: readonly string[] = [],
    project: () => ProjectFile | undefined = () => undefined,
  ) {
    this.argv = argv;
    this.#project = project;
    const { stdout, stderr, env, signal } = world;
    const { json = false, quiet = false, color } = options;
    this.#world = world;
    this.#options = options;
    this.env = env;
    this.signal = signal;
    this.output = new Output({ stdout, stderr }, env, signal, { json, quiet, color });
  }

  get stdin(): InputStream {
    return this.#world.stdin;
  }

  /** True if somebody is there to answer a question. */
  get mayAsk(): boolean {
    const { stdin, stderr, env } = this.#world;
    return stderr.isTTY === true && stdin.isTTY === true && !isCi(env) && this.#options.input !== false;
  }

  now(): Date {
    return this.#world.now();
  }

  /** @throws {UserError} where it cannot be read */
  get project(): ProjectFile | undefined {
    return this.#project();
  }

  /** @throws {UserError} where the configuration cannot be read */
  get settings(): Settings {
    return (this.#settings ??= resolveSettings(this.#options, this.env, this.project));
  }

  /** Forgets the settings: another server may have started meanwhile. */
  refreshSettings(): void {
    this.#settings = undefined;
  }

  /** A client for the server of the settings. */
  async client(): Promise<Client> {
    const { api, apiToken = "", accountId } = this.settings;
    return await this.clientOf({ baseUrl: api, apiToken, accountId });
  }

  async clientOf(options: ClientOptions): Promise<Client> {
    return await this.#world.createClient(options);
  }
}
