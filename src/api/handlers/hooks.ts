import type { HookState } from "../../contract/types.ts";
import type { HookLoad } from "../../hooks/index.ts";
import { type Handlers, inspectBroker } from "../handler.ts";

/** @param now UNIX milliseconds */
function publicState({ requests, batches, waiting, circuit }: HookLoad, now: number): HookState {
  const state = { requests, batches, waiting_messages: waiting };
  if (circuit === undefined) return state;
  const { forMs, failures, probeInMs } = circuit;
  return {
    ...state,
    circuit: {
      state: circuit.state,
      since: timestamp(now - forMs),
      failures,
      ...(probeInMs !== undefined && { asked_again_on: timestamp(now + probeInMs) }),
    },
  };
}

const timestamp = (ms: number): string => new Date(ms).toISOString();

export const hookHandlers: Handlers<"describeHook"> = {
  describeHook: ({ params }, dependencies) => {
    const { hook } = inspectBroker(dependencies, params).metrics();
    return hook === undefined ? null : publicState(hook, dependencies.clock());
  },
};
