/** Who calls, and what that caller may do. */
import { hashApiToken } from "../auth/index.ts";
import { type Route, apiScopes } from "../contract/routes.ts";
import type { ApiScope, Catalogue } from "../store/index.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { ApiFailure } from "./failure.ts";

export interface Caller {
  /** Of its API token; the account's for the one that the server was started with. */
  readonly id: string;
  readonly scope: ApiScope;
  /** The only namespace it may touch; null for all. */
  readonly namespaceId: string | null;
}

/** @returns undefined for a token that is none */
export function identify({ isApiToken, catalogue }: ApiDependencies, token: string): Caller | undefined {
  if (isApiToken(token)) return { id: catalogue.accountId, scope: "admin", namespaceId: null };
  return catalogue.apiTokenByHash(hashApiToken(token));
}

/**
 * A token for one namespace is good for what is in that namespace, and for reading what belongs to none: the account,
 * the status. Lists show it only what is its own.
 * @throws {ApiFailure} `scope-too-low` or `namespace-not-allowed`
 */
export function authorize(
  caller: Caller,
  { scope, path }: Route,
  params: Readonly<Record<string, string>>,
  catalogue: Catalogue,
): void {
  if (apiScopes.indexOf(caller.scope) < apiScopes.indexOf(scope)) {
    throw new ApiFailure(
      "scope-too-low",
      `that takes an API token with the scope ${scope}; this one has ${caller.scope}`,
    );
  }
  if (caller.namespaceId === null) return;
  const isItsOwn = path.includes("{namespace}")
    ? catalogue.namespace(params["namespace"]!)?.id === caller.namespaceId
    : scope === "read";
  if (isItsOwn) return;
  const own = catalogue.namespaceById(caller.namespaceId)!.name;
  throw new ApiFailure("namespace-not-allowed", `the API token is good for the namespace ${own} only`);
}
