import type { Handlers } from "../handler.ts";

const ACCOUNT_NAME = "pubsub-cli";

// One account with one membership and one API token: its id stands for all of them.
export const accountHandlers: Handlers<"listMemberships" | "listAccounts" | "verifyApiToken"> = {
  listMemberships: (_, { catalogue: { accountId: id } }) => [
    { id, status: "accepted", account: { id, name: ACCOUNT_NAME } },
  ],
  listAccounts: (_, { catalogue: { accountId: id } }) => [{ id, name: ACCOUNT_NAME }],
  verifyApiToken: (_, { catalogue: { accountId: id } }) => ({ id, status: "active" }),
};
