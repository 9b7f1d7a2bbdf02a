/** Where a server is, and how its API is entered: in the ready file, and in the user's configuration. */
export interface ServerAddresses {
  api: string;
  apiToken: string;
  accountId: string;
  mqtt: string;
  ws: string;
  /** Without TLS these are missing. */
  mqtts?: string;
  wss?: string;
  /** Path of the certificate of the local authority, where it vouches for the server. */
  ca?: string;
}
