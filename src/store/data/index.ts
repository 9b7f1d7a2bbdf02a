/** Work on a data folder without a server. Apart from `store/index.ts`: it reads JSON, with zod, which a server starts without. */
export { type DataReport, type RepairReport, checkData, repairData } from "./check.ts";
export { compactData } from "./compact.ts";
export { exportData } from "./export.ts";
export { importData } from "./import.ts";
