import type { Server } from "node:net";
import { UserError } from "../errors.ts";

/** Connections that the system completes before we accept them: many clients connect at once after a restart. */
const BACKLOG = 4096;

/**
 * Starts listening.
 * @param what for the error message, such as `MQTT`
 * @param portOption the option with which the user picks another port
 * @returns the port, also where 0 asked for a free one
 * @throws {UserError} `port-in-use`, `port-not-allowed`, `cannot-listen`
 */
export async function listen(
  server: Server,
  address: { host: string; port: number },
  what: string,
  portOption: string,
): Promise<number> {
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, what, `${host}:${port}`, portOption);
  });
  return (server.address() as { port: number }).port;
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
    default:
      return new UserError("cannot-listen", `${what} cannot listen on ${address}: ${error.message}`, undefined, {
        cause: error,
      });
  }
}
