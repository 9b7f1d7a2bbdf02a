export { HostedBroker, type BrokerListener, type StartHooks } from "./hosted-broker.ts";
export { Runtime, type NotLocated, type Stream } from "./runtime.ts";
