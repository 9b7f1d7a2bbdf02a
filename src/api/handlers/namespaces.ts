import type { Namespace } from "../../contract/types.ts";
import type { NamespaceRecord } from "../../store/index.ts";
import { type Handlers, findNamespace } from "../handler.ts";

function publicNamespace({ id, name, description, createdOn, modifiedOn }: NamespaceRecord): Namespace {
  return { id, name, description, created_on: createdOn, modified_on: modifiedOn };
}

export const namespaceHandlers: Handlers<
  "listNamespaces" | "createNamespace" | "describeNamespace" | "deleteNamespace"
> = {
  listNamespaces: (_, { catalogue }, { namespaceId }) =>
    catalogue
      .namespaces()
      .filter(({ id }) => namespaceId === null || id === namespaceId)
      .map(publicNamespace),
  createNamespace: async ({ body }, { catalogue }) => publicNamespace(await catalogue.createNamespace(body)),
  describeNamespace: ({ params }, dependencies) => publicNamespace(findNamespace(dependencies, params)),
  deleteNamespace: async ({ params }, dependencies) => {
    await dependencies.catalogue.deleteNamespace(findNamespace(dependencies, params).id);
    return null;
  },
};
