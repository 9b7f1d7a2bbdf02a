export { type HookOutcome, type TestMessage, askHook } from "./ask.ts";
export { callInChaos } from "./chaos-caller.ts";
export { type Fault, faults, startChaosProxy } from "./chaos-proxy.ts";
export { createKey, readKey } from "./key-file.ts";
export { type HookLocation, type TestedHook, openHook } from "./tested-hook.ts";
