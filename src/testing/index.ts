export { ExpectationError, startBroker } from "./broker.ts";
export { HookFailure } from "./function-hook.ts";
