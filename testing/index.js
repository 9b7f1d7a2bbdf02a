/** A broker in the process of a test. Part of the program, which is CommonJS. */
import testing from "../dist/testing/index.cjs";

export const { ExpectationError, HookFailure, startBroker } = testing;
