/** A typed client of the management API, with a method per operation, made from the routes. Does not load zod. */
import type { Envelope } from "../contract/envelope.ts";
import { BASE_PATH, type OperationName, type Route, routes } from "../contract/routes.ts";
import type {
  ClientCertificates,
  EnvelopeOperationName,
  Input,
  Result,
  StreamOperationName,
  Tokens,
} from "../contract/types.ts";
import { UserError } from "../errors.ts";
import { ApiError } from "./errors.ts";
import { type Fetch, type HttpResponse, fetchOverHttp } from "./http.ts";
import { prepareRequest } from "./request.ts";
import { SseParser } from "./sse-parser.ts";

export interface ClientOptions {
  /** With the base path, such as `http://127.0.0.1:8880/client/v4`. */
  readonly baseUrl: string;
  readonly apiToken: string;
  /** Asked from the server where it is not given. */
  readonly accountId?: string | undefined;
  /** Over the network if not given. */
  readonly fetch?: Fetch;
}

/** The argument may be left out where nothing in it is required. */
type Arguments<Name extends OperationName> =
  Partial<Input<Name>> extends Input<Name> ? [input?: Input<Name>] : [input: Input<Name>];

/**
 * Every method rejects with an `ApiError` where the server refuses, and with a `UserError` where it cannot be reached
 * (`server-not-running`), the connection breaks (`connection-lost`) or it is something else (`not-a-pubsub-server`).
 */
export type Client = {
  /** Gives `result` of the envelope. */
  readonly [Name in Exclude<EnvelopeOperationName, "issueCredentials">]: (
    ...args: Arguments<Name>
  ) => Promise<Result<Name>>;
} & {
  readonly issueCredentials: {
    (input: Input<"issueCredentials"> & { type: "MTLS" }): Promise<ClientCertificates>;
    (input: Input<"issueCredentials"> & { type?: "TOKEN" }): Promise<Tokens>;
  };
} & {
  /** Gives the answer's text. Rejects with a `UserError` `query-invalid` that names place and remedy. */
  readonly queryAnalytics: (input: { readonly text: string }) => Promise<TextAnswer>;
} & {
  /**
   * Resolves once the server watches. The iteration ends when `signal` aborts or the server says that nothing more can
   * come; it throws `connection-lost` when the connection breaks. To connect again is up to the caller.
   */
  readonly [Name in StreamOperationName]: (
    input: Input<Name>,
    signal?: AbortSignal,
    position?: StreamPosition,
  ) => Promise<AsyncIterable<Result<Name>>>;
};

export interface TextAnswer {
  readonly text: string;
  /** What of the request Cloudflare does not document. */
  readonly remarks: readonly string[];
}

/**
 * Where a caller stands in a stream. Kept up to date while it is read; passed in again after a lost connection, the
 * stream goes on there, or says with an event `lost` what is missing.
 */
export interface StreamPosition {
  lastEventId?: string | undefined;
}

/** A local server answers at once; this only keeps callers from waiting for ever. */
const REQUEST_TIMEOUT_MS = 30_000;

export function createClient(options: ClientOptions): Client {
  const connection = new ApiConnection(options);
  const methods = Object.entries<Route>(routes).map(([name, route]) => [
    name,
    route.stream
      ? (input: object, signal?: AbortSignal, position?: StreamPosition) =>
          connection.stream(name as OperationName, { ...input }, signal, position)
      : route.text
        ? (input: object) => connection.text(name as OperationName, { ...input })
        : (input?: object) => connection.call(name as OperationName, { ...input }),
  ]);
  return Object.fromEntries(methods) as Client;
}

type LooseInput = Readonly<Record<string, unknown>>;

class ApiConnection {
  readonly #baseUrl: string;
  readonly #apiToken: string;
  readonly #fetch: Fetch;
  #accountId: Promise<string> | undefined;

  constructor(options: ClientOptions) {
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#apiToken = options.apiToken;
    this.#fetch = options.fetch ?? fetchOverHttp;
    if (options.accountId !== undefined) this.#accountId = Promise.resolve(options.accountId);
  }

  async call(name: OperationName, input: LooseInput): Promise<unknown> {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await this.#send(name, input, signal);
    return await this.#readResult(response);
  }

  async text(name: OperationName, input: LooseInput): Promise<TextAnswer> {
    const response = await this.#send(name, input, AbortSignal.timeout(REQUEST_TIMEOUT_MS));
    if (response.status === 422) {
      const text = await response.text();
      throw new UserError("query-invalid", text.replace(/^Input was invalid: /, "").trimEnd());
    }
    if (!response.ok) await this.#readResult(response);
    const remarks = response.headers.get("x-pubsub-remarks");
    return { text: await response.text(), remarks: remarks === null ? [] : remarks.split(", ") };
  }

  async stream(
    name: OperationName,
    input: LooseInput,
    signal?: AbortSignal,
    position: StreamPosition = {},
  ): Promise<AsyncIterable<unknown>> {
    const ended = new AbortController();
    const either = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
    const { lastEventId } = position;
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await this.#send(name, input, either, headers);
    if (!response.ok) await this.#readResult(response);
    if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      ended.abort();
      throw this.#notPubsub();
    }
    return this.#readEvents(response.body, either, ended, position);
  }

  async *#readEvents(
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    ended: AbortController,
    position: StreamPosition,
  ): AsyncGenerator<unknown, void, void> {
    const parser = new SseParser();
    const decoder = new TextDecoder();
    try {
      for await (const bytes of body) {
        for (const { id, data } of parser.push(decoder.decode(bytes, { stream: true }))) {
          // Before the event is handed out: a caller that stops at it has got it.
          position.lastEventId = id || position.lastEventId;
          yield JSON.parse(data);
        }
        position.lastEventId = parser.lastEventId || position.lastEventId;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw this.#lost(error);
    } finally {
      // A caller that leaves the loop ends the connection as well.
      ended.abort();
    }
  }

  async #send(
    name: OperationName,
    input: LooseInput,
    signal: AbortSignal,
    extraHeaders: Readonly<Record<string, string>> = {},
  ): Promise<HttpResponse> {
    const needsAccount = routes[name].path.includes("{account}");
    const accountId = needsAccount ? await this.#account() : "";
    const { method, url, body } = prepareRequest(this.#baseUrl, name, accountId, input);
    const headers: Record<string, string> = { ...extraHeaders, authorization: `Bearer ${this.#apiToken}` };
    const route: Route = routes[name];
    if (body !== undefined) headers["content-type"] = route.text ? "text/plain" : "application/json";
    try {
      return await this.#fetch(url, {
        method,
        headers,
        signal,
        ...(body !== undefined && { body }),
      });
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  #account(): Promise<string> {
    this.#accountId ??= this.call("listMemberships", {}).then(
      (memberships) => {
        const [first] = memberships as Result<"listMemberships">;
        if (first === undefined) throw this.#notPubsub();
        return first.account.id;
      },
      (error: unknown) => {
        // The next call asks again.
        this.#accountId = undefined;
        throw error;
      },
    );
    return this.#accountId;
  }

  async #readResult(response: HttpResponse): Promise<unknown> {
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      throw this.#lost(error);
    }
    const envelope = parseEnvelope(text);
    if (envelope === undefined) throw this.#notPubsub();
    if (envelope.success) return envelope.result;
    const { errors, messages } = envelope;
    const message = errors.map((error) => error.message).join("; ") || `HTTP status ${response.status}`;
    throw new ApiError(response.status, errors[0]?.code ?? 0, message, messages[0]);
  }

  #unreachable(error: unknown): unknown {
    const { name, code } = rootCause(error);
    if (name === "AbortError") return error;
    if (name === "TimeoutError") {
      return new UserError("connection-lost", `the server at ${this.#baseUrl} does not answer`, undefined, {
        cause: error,
      });
    }
    if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
      const message = `no pubsub server at ${this.#baseUrl}`;
      return new UserError("server-not-running", message, "start one with: pubsub dev", { cause: error });
    }
    if (code === "ERR_INVALID_URL") {
      return new UserError("invalid-url", `${this.#baseUrl} is not a URL`, `such as http://127.0.0.1:8880${BASE_PATH}`);
    }
    return this.#lost(error);
  }

  #lost(error: unknown): UserError {
    const { code, message } = rootCause(error);
    const text = `lost the connection to the server at ${this.#baseUrl}: ${code ?? message}`;
    return new UserError("connection-lost", text, undefined, { cause: error });
  }

  #notPubsub(): UserError {
    return new UserError(
      "not-a-pubsub-server",
      `what answers at ${this.#baseUrl} is no pubsub server`,
      `the URL of the API ends with ${BASE_PATH}`,
    );
  }
}

/** What made a request fail; of several addresses that were tried, the first one's error. */
function rootCause(error: unknown): { name?: string; code?: string; message: string } {
  let cause = error as { name?: string; code?: string; message: string; cause?: unknown; errors?: unknown[] };
  while (cause.cause instanceof Error || cause.errors?.[0] instanceof Error) {
    cause = (cause.cause ?? cause.errors?.[0]) as typeof cause;
  }
  return cause;
}

function parseEnvelope(text: string): Envelope<unknown> | undefined {
  try {
    const envelope = JSON.parse(text) as Partial<Envelope<unknown>> | null;
    const isEnvelope = typeof envelope?.success === "boolean" && Array.isArray(envelope.errors);
    return isEnvelope ? (envelope as Envelope<unknown>) : undefined;
  } catch {
    return undefined;
  }
}
