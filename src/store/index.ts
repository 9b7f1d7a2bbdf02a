export {
  type BrokerChanges,
  type BrokerRecord,
  type Catalogue,
  CatalogueError,
  type CatalogueEvent,
  type NamespaceRecord,
} from "./catalogue.ts";
export { openFileCatalogue } from "./file-catalogue.ts";
export { createMemoryCatalogue } from "./memory-catalogue.ts";
