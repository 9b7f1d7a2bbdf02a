/** The envelope around every answer of the API that is not a stream. Types only. */

export interface ResultInfo {
  /** From 1. */
  readonly page: number;
  readonly per_page: number;
  /** Entries on this page. */
  readonly count: number;
  readonly total_count: number;
  readonly total_pages: number;
}

export type Envelope<Result> =
  | {
      readonly success: true;
      readonly errors: readonly [];
      readonly messages: readonly string[];
      readonly result: Result;
      /** Of lists. */
      readonly result_info?: ResultInfo;
    }
  | {
      readonly success: false;
      /** Numbers are those of errors.ts. */
      readonly errors: readonly { readonly code: number; readonly message: string }[];
      /** The remedy, if there is one. Strings only: wrangler exits silently on objects. */
      readonly messages: readonly string[];
      readonly result: null;
    };
