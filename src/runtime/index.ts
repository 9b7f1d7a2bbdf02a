export { HostedBroker, type BrokerListener } from "./hosted-broker.ts";
export { Runtime, type NotLocated, type Stream } from "./runtime.ts";
