export { EventFeed, type FeedEvent, type Past } from "./event-feed.ts";
export type { DeliveryReason } from "./explanation.ts";
export { HostedBroker } from "./hosted-broker.ts";
export type { SessionView } from "./inspection.ts";
export type { BrokerMetrics, NetworkTraffic } from "./metrics.ts";
export { Runtime, type NotLocated, type Stream } from "./runtime.ts";
