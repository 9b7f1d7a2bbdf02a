import type { Catalogue } from "./catalogue.ts";
import { PersistentCatalogue, newId } from "./persistent-catalogue.ts";
import { emptyState } from "./state.ts";

/**
 * A catalogue that ends with the process.
 * @param options `accountId`: 32 hexadecimal digits, random if not given; `now`: UNIX milliseconds
 */
export function createMemoryCatalogue(options: { accountId?: string; now?: () => number } = {}): Catalogue {
  const { accountId = newId(), now = Date.now } = options;
  return new PersistentCatalogue(emptyState(accountId), { persist: async () => {}, now });
}
