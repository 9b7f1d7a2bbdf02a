/** POST requests to one origin over connections that are kept. Loads undici: import it lazily. */
import { CONSOLE_HEADER } from "./console-lines.ts";
import { type Dispatcher, Pool } from "undici";

/** More than the pipeline has batches under way: connections that are being given up may overlap with new ones. */
const CONNECTIONS_MAX = 64;
/** Of an answer that is not 200, which is only shown to people. */
const ERROR_BYTES_MAX = 64 * 1024;

export interface HttpRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Of an answer with status 200. */
  readonly answerBytesMax: number;
}

/** What came back, or why nothing did. */
export type HttpAnswer =
  | {
      readonly status: number;
      readonly body: Buffer;
      readonly tooLarge: boolean;
      /** The header that console-lines.ts reads. */
      readonly console?: string;
    }
  | { readonly failure: Error };

export class HttpClient {
  readonly #pool: Pool;

  constructor(origin: string, connectTimeoutMs: number) {
    this.#pool = new Pool(origin, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      connect: { timeout: connectTimeoutMs },
      // The pipeline's limit covers the whole answer.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /**
   * Sends a request and reads the whole answer. Never sent again: a hook that was reached may have acted.
   * Rejects only when `signal` is aborted: at once, giving up the connection.
   */
  post({ path, headers, body, answerBytesMax }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined;
      let done = false;
      let status = 0;
      let bytes = 0;
      let told: { readonly console?: string } = {};
      const chunks: Buffer[] = [];
      const onAbort = (): void => {
        done = true;
        controller?.abort(new Error("aborted"));
        reject(new Error("aborted"));
      };
      const finish = (response: HttpAnswer): void => {
        if (done) return;
        done = true;
        signal.removeEventListener("abort", onAbort);
        resolve(response);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#pool.dispatch(
        { method: "POST", path, headers, body },
        {
          onRequestStart(started) {
            controller = started;
            // Given up while it waited for a connection.
            if (done) started.abort(new Error("aborted"));
          },
          onResponseStart(_controller, statusCode, headers) {
            status = statusCode;
            const header = headers[CONSOLE_HEADER];
            if (typeof header === "string") told = { console: header };
          },
          onResponseData(_controller, chunk) {
            bytes += chunk.length;
            if (bytes <= (status === 200 ? answerBytesMax : ERROR_BYTES_MAX)) {
              chunks.push(chunk);
              return;
            }
            finish({ status, body: Buffer.concat(chunks), tooLarge: true, ...told });
            controller?.abort(new Error("too large"));
          },
          onResponseEnd() {
            const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
            finish({ status, body, tooLarge: false, ...told });
          },
          onResponseError(_controller, failure) {
            finish({ failure });
          },
        },
      );
    });
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
