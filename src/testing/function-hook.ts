/** A function as on-publish hook: served on loopback, so that it is asked exactly as any hook is. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { HookFunction, HookMessage } from "pubsub-cli/testing";

/** An answer with this status; anything else that the function throws has 500. */
export class HookFailure extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export interface ServedHook {
  readonly url: string;
  close(): Promise<void>;
}

export async function serveHook(hook: HookFunction): Promise<ServedHook> {
  const server = http.createServer((request, response) => {
    answer(request, hook).then(
      (results) => response.end(results),
      (error: unknown) => {
        const status = error instanceof HookFailure ? error.status : 500;
        response.writeHead(status).end(error instanceof Error ? error.message : String(error));
      },
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type WireMessage = Omit<HookMessage, "payload"> & { readonly payload: string | number[] };

async function answer(request: http.IncomingMessage, hook: HookFunction): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const messages = JSON.parse(Buffer.concat(chunks).toString("utf8")) as WireMessage[];
  const results = await hook(
    messages.map((message) => ({ ...message, payload: Buffer.from(message.payload as string) })),
  );
  return JSON.stringify(results.map((result) => ({ ...result, payload: wirePayload(result.payload) })));
}

function wirePayload(payload: Uint8Array | string): string | number[] {
  return typeof payload === "string" ? payload : Array.from(payload);
}
