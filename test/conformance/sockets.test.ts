/** The sample of scenarios.ts over real sockets, and in memory for comparison. */
import { describe, test } from "vitest";
import { scenarios } from "./scenarios.ts";

describe.each(["memory", "tcp", "websocket"] as const)("over %s", (transport) => {
  for (const { name, run } of scenarios) test(name, () => run(transport));
});
