export {
  type ApiScope,
  type ApiTokenRecord,
  type BrokerChanges,
  type BrokerRecord,
  type Catalogue,
  CatalogueError,
  type CatalogueEvent,
  type NamespaceRecord,
} from "./catalogue.ts";
export { openFileCatalogue } from "./file-catalogue.ts";
export { createMemoryCatalogue } from "./memory-catalogue.ts";
export { MemoryJournal } from "./journal/memory-journal.ts";
export type { Fsync } from "./journal/file-journal.ts";
export { openFileJournal } from "./journal/open.ts";
export type { JournalStore } from "./journal/store.ts";
