/** Starts servers, and says what stands in the way in words that the user can act on. */
import { chmodSync } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { type AddressInfo, type Server, connect } from "node:net";
import { UserError } from "./errors.ts";

/** Connections that the system completes before we accept them: many clients connect at once after a restart. */
const BACKLOG = 4096;

export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * Starts listening on a port.
 * @param what for the error message, such as `MQTT`
 * @param portOption the option with which the user picks another port
 * @returns the port, also where 0 asked for a free one
 * @throws {UserError} `port-in-use`, `port-not-allowed`, `cannot-listen`
 */
export async function listen(
  server: Server,
  address: ListenAddress,
  what: string,
  portOption: string,
): Promise<number> {
  const { host, port } = address;
  try {
    await start(server, { host, port, backlog: BACKLOG });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, what, `${host}:${port}`, portOption);
  }
  return (server.address() as AddressInfo).port;
}

function start(
  server: Server,
  options: { host?: string; port?: number; path?: string; backlog: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, what: string, address: string, portOption: string): UserError {
  const hint = `choose another with ${portOption}, or any free one with ${portOption} 0`;
  switch (error.code) {
    case "EADDRINUSE":
      return new UserError("port-in-use", `${what} cannot listen on ${address}: the port is in use`, hint, {
        cause: error,
      });
    case "EACCES":
      return new UserError("port-not-allowed", `${what} may not listen on ${address}`, hint, { cause: error });
    case "EADDRNOTAVAIL":
    case "EAI_AGAIN":
    case "ENOTFOUND":
      return new UserError(
        "cannot-listen",
        `${what} cannot listen on ${address}: this machine has no such address`,
        "--host takes an address of this machine, or 0.0.0.0 for all of them",
        { cause: error },
      );
    default:
      return new UserError("cannot-listen", `${what} cannot listen on ${address}: ${error.message}`, undefined, {
        cause: error,
      });
  }
}

/**
 * Starts listening on a Unix socket that only its owner may open. A socket that a killed server left behind is replaced;
 * Node removes the file when the server closes.
 * @throws {UserError} `socket-in-use`, `cannot-listen`
 */
export async function listenOnSocket(server: Server, path: string, what: string): Promise<void> {
  await removeStaleSocket(path, what);
  // The mode counts from the beginning: `listen` makes the file before it returns.
  const umask = process.umask(0o177);
  let listening: Promise<void>;
  try {
    listening = start(server, { path, backlog: BACKLOG });
  } finally {
    process.umask(umask);
  }
  try {
    await listening;
    chmodSync(path, 0o600);
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(
      "cannot-listen",
      `${what} cannot listen on ${path}: ${message}`,
      "choose another with --socket",
      {
        cause: error,
      },
    );
  }
}

async function removeStaleSocket(path: string, what: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  const hint = "choose another with --socket";
  if (!found.isSocket()) {
    throw new UserError("cannot-listen", `${what} cannot listen on ${path}: there is a file of that name`, hint);
  }
  if (await answers(path)) {
    throw new UserError("socket-in-use", `${what} cannot listen on ${path}: another server does`, hint);
  }
  await rm(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // A server that is too busy to answer is one all the same.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}
