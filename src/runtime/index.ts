export { HostedBroker } from "./hosted-broker.ts";
export { Runtime, type NotLocated, type Stream } from "./runtime.ts";
