/** Answers in the contract's envelope. */
import type { Envelope, ResultInfo } from "../contract/envelope.ts";
import { type ErrorEntry, type ErrorName, apiErrors } from "../contract/errors.ts";

function respond(status: number, envelope: Envelope<unknown>, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(envelope), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}

export function succeed(
  result: unknown,
  resultInfo?: ResultInfo,
  headers: Readonly<Record<string, string>> = {},
  status: 200 | 201 = 200,
): Response {
  const envelope = { success: true, errors: [], messages: [], result } as const;
  return respond(status, resultInfo === undefined ? envelope : { ...envelope, result_info: resultInfo }, headers);
}

/** @param messages one `errors` entry each */
export function failWith(
  name: ErrorName,
  messages: readonly string[] = [apiErrors[name].message],
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status, code, hint }: ErrorEntry = apiErrors[name];
  const errors = messages.map((message) => ({ code, message }));
  return respond(status, { success: false, errors, messages: hint === undefined ? [] : [hint], result: null }, headers);
}

/** Cuts one page out of a list. */
export function paginate(
  entries: readonly unknown[],
  page: number,
  perPage: number,
): { readonly result: readonly unknown[]; readonly resultInfo: ResultInfo } {
  const result = entries.slice((page - 1) * perPage, page * perPage);
  return {
    result,
    resultInfo: {
      page,
      per_page: perPage,
      count: result.length,
      total_count: entries.length,
      total_pages: Math.ceil(entries.length / perPage),
    },
  };
}
