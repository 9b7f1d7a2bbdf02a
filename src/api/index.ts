export { createApi } from "./create-api.ts";
export type { ApiDependencies } from "./dependencies.ts";
export { type RunningApi, serveApi } from "./serve.ts";
