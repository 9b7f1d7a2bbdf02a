import type { Handlers } from "../handler.ts";

export const logHandlers: Handlers<"listLogs"> = {
  listLogs: async ({ query: { after, limit, wait_ms: waitMs } }, { serverLog }) => {
    if (after !== undefined && waitMs !== undefined) await serverLog.arrived(after, waitMs);
    const entries = after === undefined ? serverLog.newest(limit) : serverLog.after(after, limit);
    return entries.map(({ id, atMs, message }) => ({ id, time: new Date(atMs).toISOString(), message }));
  },
};
