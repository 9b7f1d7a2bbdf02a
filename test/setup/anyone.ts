/** A client of which nothing is known, and that may do everything; and a broker that takes anybody for one. */
import type { Principal } from "../../src/broker/ports.ts";

export const ANYONE: Principal = { clientId: undefined, tokenId: undefined, expiresAtMs: Infinity, acl: undefined };

/** For `Runtime.addBroker`. */
export const openToAnyone = {
  checkCredentials: async () => ({ ok: true, principal: ANYONE }) as const,
  random: { clientId: () => "assigned" },
};
