/** Which broker the names that a connection came with mean. */
import type { Addressed, AddressedBroker } from "./byte-stream.ts";

/** The broker that a host name such as `dev.local.localhost:8083` means; undefined for other hosts. */
export function brokerOfHost(host: string, domain: string): AddressedBroker | undefined {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  if (!name.endsWith(`.${domain}`)) return undefined;
  const [broker, namespace, ...rest] = name.slice(0, -domain.length - 1).split(".");
  return broker && namespace && rest.length === 0 ? { namespace, broker } : undefined;
}

/** What several names mean together: those that name a broker must name the same. */
export function agree(names: readonly (AddressedBroker | undefined)[]): Addressed {
  const [first, ...others] = names.filter((name) => name !== undefined);
  if (first === undefined) return undefined;
  const isAgreed = others.every(({ namespace, broker }) => namespace === first.namespace && broker === first.broker);
  return isAgreed ? first : "contradictory";
}
