import type { Handlers } from "../handler.ts";

export const logHandlers: Handlers<"listLogs"> = {
  listLogs: ({ query: { after, limit } }, { serverLog }) => {
    const entries = after === undefined ? serverLog.newest(limit) : serverLog.after(after, limit);
    return entries.map(({ id, atMs, message }) => ({ id, time: new Date(atMs).toISOString(), message }));
  },
};
