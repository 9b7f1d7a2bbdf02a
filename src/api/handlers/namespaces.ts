import type { Namespace } from "../../contract/types.ts";
import type { NamespaceRecord } from "../../store/index.ts";
import { Created, type Handlers, findNamespace } from "../handler.ts";

function publicNamespace({ id, name, description, createdOn, modifiedOn }: NamespaceRecord): Namespace {
  return { id, name, description, created_on: createdOn, modified_on: modifiedOn };
}

export const namespaceHandlers: Handlers<
  "listNamespaces" | "createNamespace" | "ensureNamespace" | "describeNamespace" | "deleteNamespace"
> = {
  listNamespaces: (_, { catalogue }, { namespaceId }) =>
    catalogue
      .namespaces()
      .filter(({ id }) => namespaceId === null || id === namespaceId)
      .map(publicNamespace),
  createNamespace: async ({ body }, { catalogue }) => publicNamespace(await catalogue.createNamespace(body)),
  ensureNamespace: async ({ params, body }, { catalogue }) => {
    const { record, isNew } = await catalogue.ensureNamespace({ ...body, name: params.namespace });
    return isNew ? new Created(publicNamespace(record)) : publicNamespace(record);
  },
  describeNamespace: ({ params }, dependencies) => publicNamespace(findNamespace(dependencies, params)),
  deleteNamespace: async ({ params }, dependencies) => {
    await dependencies.catalogue.deleteNamespace(findNamespace(dependencies, params).id);
    return null;
  },
};
