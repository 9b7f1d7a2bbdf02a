export { Broker } from "./broker.ts";
export type { Connection } from "./connection.ts";
export { Deadline, Deadlines } from "./deadlines.ts";
export { publishPacket } from "./delivery.ts";
export { connackCode } from "./handlers/connect.ts";
export { type Limits, defaultLimits, limitsOf } from "./limits.ts";
export type * from "./ports.ts";
export { reasonString } from "./reason.ts";
export { matchesFilter } from "./topics.ts";
