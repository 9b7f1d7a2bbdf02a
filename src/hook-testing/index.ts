export { type HookOutcome, type TestMessage, askHook } from "./ask.ts";
export { createKey, readKey } from "./key-file.ts";
export { type HookLocation, type TestedHook, openHook } from "./tested-hook.ts";
