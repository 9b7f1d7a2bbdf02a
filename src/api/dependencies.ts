import type { LocalCa } from "../auth/local-ca.ts";
import type { HostedBroker, NetworkTraffic } from "../runtime/index.ts";
import type { Catalogue } from "../store/index.ts";
import type { ServerLog } from "./server-log.ts";

/** What operators may see and do in a running broker. */
export type Inspection = Pick<
  HostedBroker,
  | "events"
  | "publish"
  | "sessions"
  | "session"
  | "subscriptions"
  | "kick"
  | "retained"
  | "retainedMessage"
  | "deleteRetained"
  | "metrics"
  | "explain"
>;

/** An answer in the format that the query asked for, or why there is none: for people, several lines. */
export type AnalyticsAnswer =
  | { readonly body: string; readonly contentType: string; readonly remarks: readonly string[] }
  | { readonly refused: string };

/** What the API needs from the rest of the server. */
export interface ApiDependencies {
  readonly catalogue: Catalogue;
  /** Compares in constant time; see `createApiTokenCheck`. */
  readonly isApiToken: (candidate: string) => boolean;
  /** UNIX milliseconds. */
  readonly clock: () => number;
  /** URL for the MQTT clients of a broker. */
  readonly endpointFor: (namespaceName: string, brokerName: string) => string;
  /** Where the Worker is that runs in place of the hook of the broker's settings, if there is one. */
  readonly workerUrl?: (brokerId: string) => string | undefined;
  /** Every broker of the catalogue runs, unless it is just being deleted. */
  readonly inspect: (brokerId: string) => Inspection | undefined;
  readonly status: () => {
    readonly version: string;
    readonly pid: number;
    /** UNIX milliseconds. */
    readonly startedAtMs: number;
    readonly mqtt: string;
    readonly ws: string;
    readonly mqtts?: string | undefined;
    readonly wss?: string | undefined;
    readonly ca?: string | undefined;
    readonly data?: {
      readonly folder: string;
      readonly full: boolean;
      readonly records: number;
      readonly bytes: number;
    };
  };
  readonly network: () => NetworkTraffic;
  /** The authority that issues clients' certificates; undefined where the server has no TLS. */
  readonly localCa?: () => LocalCa | undefined;
  /**
   * Names, besides loopback ones, that the Host header may have. Keeps web pages from reaching a server on loopback
   * through a DNS name of their own ("DNS rebinding"). Every name is allowed where this is left out.
   */
  readonly allowedHosts?: readonly string[];
  /** Answers SQL over what Workers have written to Analytics Engine. */
  readonly queryAnalytics: (query: string) => Promise<AnalyticsAnswer>;
  readonly serverLog: ServerLog;
  /** Told, with all details, about failures that callers see as `internal-error` or `storage-failed` only. */
  readonly log: (line: string) => void;
}
