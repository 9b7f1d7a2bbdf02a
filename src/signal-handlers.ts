/**
 * Some libraries end the process at the first signal, in the middle of a clean stop. What their handlers are for, such as
 * removing temporary files, they do at exit as well.
 */
import { constants } from "node:os";
import process from "node:process";

const signals = Object.keys(constants.signals) as NodeJS.Signals[];

/** @returns takes away the signal handlers that have been installed since */
export function rememberSignalHandlers(): () => void {
  const before = new Map(signals.map((signal) => [signal, new Set<unknown>(process.rawListeners(signal))]));
  return () => {
    for (const signal of signals) {
      for (const listener of process.rawListeners(signal)) {
        if (!before.get(signal)?.has(listener)) process.removeListener(signal, listener as () => void);
      }
    }
  };
}
