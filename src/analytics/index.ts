export { Analytics } from "./analytics.ts";
