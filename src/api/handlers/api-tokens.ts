import { generateApiToken, hashApiToken } from "../../auth/index.ts";
import type { Result } from "../../contract/types.ts";
import type { ApiTokenRecord, Catalogue } from "../../store/index.ts";
import { ApiFailure } from "../failure.ts";
import { type Handlers, findNamespace } from "../handler.ts";

function publicApiToken(
  { id, name, scope, namespaceId, createdOn }: ApiTokenRecord,
  catalogue: Catalogue,
): Result<"listApiTokens">[number] {
  const namespace = namespaceId === null ? null : catalogue.namespaceById(namespaceId)!.name;
  return { id, name, scope, namespace, created_on: createdOn };
}

export const apiTokenHandlers: Handlers<"listApiTokens" | "createApiToken" | "deleteApiToken"> = {
  listApiTokens: (_, { catalogue }) => catalogue.apiTokens().map((record) => publicApiToken(record, catalogue)),

  createApiToken: async ({ body: { name, scope, namespace } }, dependencies) => {
    const { catalogue } = dependencies;
    if (namespace !== null && scope === "admin") {
      throw new ApiFailure("invalid-request", "namespace: the scope admin is for the whole server");
    }
    const namespaceId = namespace === null ? null : findNamespace(dependencies, { namespace }).id;
    const token = generateApiToken();
    const record = await catalogue.createApiToken({ name, scope, namespaceId, hash: hashApiToken(token) });
    return { ...publicApiToken(record, catalogue), token };
  },

  deleteApiToken: async ({ params: { apiToken } }, { catalogue }) => {
    await catalogue.deleteApiToken(apiToken);
    return null;
  },
};
