/** From an operation's name and flat input to the HTTP request, by nothing but the routes. */
import { type OperationName, type QueryKind, type Route, routes } from "../contract/routes.ts";

export interface PreparedRequest {
  readonly method: string;
  readonly url: string;
  readonly body: string | undefined;
}

/**
 * Values go to where the route names them: into the path, the query, or else the body. Those that are undefined are
 * left out.
 * @param baseUrl with BASE_PATH, without a slash at its end
 */
export function prepareRequest(
  baseUrl: string,
  name: OperationName,
  accountId: string,
  input: Readonly<Record<string, unknown>>,
): PreparedRequest {
  const route: Route = routes[name];
  const rest: Record<string, unknown> = { ...input, account: accountId };
  const path = route.path.replace(/\{(\w+)\}/g, (_, parameter: string) => {
    const value = rest[parameter];
    delete rest[parameter];
    return encodeURIComponent(String(value));
  });
  delete rest["account"];
  const query = new URLSearchParams();
  for (const parameter of Object.keys(route.query ?? {})) {
    appendQuery(query, parameter, route.query![parameter]!, rest[parameter]);
    delete rest[parameter];
  }
  const search = query.size === 0 ? "" : `?${query.toString()}`;
  return {
    method: route.method,
    url: `${baseUrl}${path}${search}`,
    body: route.body ? JSON.stringify(rest) : route.text && route.method === "POST" ? String(rest["text"]) : undefined,
  };
}

/** @param value a string, a number, or a list of strings: `Input` says which */
function appendQuery(query: URLSearchParams, parameter: string, kind: QueryKind, value: unknown): void {
  if (value === undefined) return;
  const isList = kind === "list" || kind === "commaList";
  const values = isList ? (value as readonly string[]) : [value as string | number];
  for (const each of values) query.append(parameter, String(each));
}
