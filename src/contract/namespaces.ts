import { z } from "zod";
import { descriptionSchema, idSchema, nameSchema, nothingSchema, pageQuerySchema, timestampSchema } from "./schemas.ts";

const namespaceSchema = z
  .object({
    id: idSchema,
    name: nameSchema,
    description: z.string().describe("empty if there is none"),
    created_on: timestampSchema,
    modified_on: timestampSchema,
  })
  .meta({ id: "Namespace" });

export const namespaceOperations = {
  listNamespaces: {
    summary: "List the namespaces",
    query: pageQuerySchema,
    result: z.array(namespaceSchema),
    errors: [],
  },
  createNamespace: {
    summary: "Create a namespace",
    body: z.object({ name: nameSchema, description: descriptionSchema.optional() }),
    result: namespaceSchema,
    errors: ["namespace-exists", "too-many-namespaces"],
  },
  ensureNamespace: {
    summary: "Create a namespace unless it exists; one that exists with another description is a conflict",
    body: z.object({ description: descriptionSchema.optional() }),
    result: namespaceSchema,
    errors: ["namespace-differs", "too-many-namespaces"],
  },
  describeNamespace: {
    summary: "Describe a namespace",
    result: namespaceSchema,
    errors: ["namespace-not-found"],
  },
  deleteNamespace: {
    summary: "Delete a namespace that has no brokers",
    result: nothingSchema,
    errors: ["namespace-not-found", "namespace-not-empty"],
  },
} as const;
