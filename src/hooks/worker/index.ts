export type { WorkerOutput } from "./console.ts";
export { type LocalWorkerOptions, type WorkerAddresses, WorkerLauncher } from "./local-worker.ts";
