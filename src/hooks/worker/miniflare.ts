/**
 * The part of miniflare's interface that is used here. Its own types need those of packages that come with it, and are
 * no help where they are not installed.
 */
export interface MiniflareLibrary {
  readonly Miniflare: new (options: MiniflareOptions) => MiniflareInstance;
  /** The newest compatibility date that its workerd knows: `YYYY-MM-DD`. */
  readonly supportedCompatibilityDate: string;
}

export interface MiniflareInstance {
  /** Where the first Worker is served. Rejects when it does not start. */
  readonly ready: Promise<URL>;
  /** Starts workerd anew. What is under way fails. */
  setOptions(options: MiniflareOptions): Promise<void>;
  /** The address of a Worker with `unsafeDirectSockets`, without anything between. */
  unsafeGetDirectURL(workerName: string): Promise<URL>;
  getInspectorURL(): Promise<URL>;
  dispose(): Promise<void>;
}

/** One entry of workerd's output: a call of the console, or what workerd itself has to say. */
export interface StructuredLog {
  readonly timestamp: number;
  readonly level: string;
  readonly message: string;
}

export interface MiniflareOptions {
  readonly workers: readonly (MiniflareWorker | MiniflareScript)[];
  readonly host: string;
  readonly port: number;
  readonly defaultPersistRoot?: string;
  readonly inspectorPort?: number;
  readonly handleStructuredLogs: (log: StructuredLog) => void;
  /** `/cdn-cgi/handler/scheduled` runs the handler `scheduled`, as with `wrangler dev`. */
  readonly unsafeTriggerHandlers: boolean;
}

export type MiniflareModuleType = "ESModule" | "Text" | "Data" | "CompiledWasm";

export interface MiniflareModule {
  readonly type: MiniflareModuleType;
  readonly path: string;
  readonly contents: string | Uint8Array;
}

export interface QueueConsumer {
  readonly maxBatchSize?: number | undefined;
  /** Seconds. */
  readonly maxBatchTimeout?: number | undefined;
  readonly maxRetries?: number | undefined;
  readonly deadLetterQueue?: string | undefined;
  /** Seconds. */
  readonly retryDelay?: number | undefined;
}

/** A binding to another Worker of the same instance, to a server elsewhere, or to a function here. */
export type ServiceBinding =
  | { readonly external: { readonly address: string; readonly http: object } }
  | { readonly name: string; readonly entrypoint?: string | undefined }
  | ((request: Request) => Response | Promise<Response>);

/** Makes a binding of Workers: no Worker itself. */
export interface MiniflareScript {
  readonly name: string;
  readonly modules: readonly MiniflareModule[];
  readonly modulesRoot: string;
  readonly serviceBindings: Readonly<Record<string, ServiceBinding>>;
  readonly unsafeDirectSockets?: readonly { readonly host: string; readonly port: number }[];
}

export interface MiniflareWorker {
  readonly name: string;
  readonly modules: readonly MiniflareModule[];
  readonly modulesRoot: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly bindings: Readonly<Record<string, unknown>>;
  /** Binding → id of the namespace. */
  readonly kvNamespaces: Readonly<Record<string, string>>;
  readonly r2Buckets: Readonly<Record<string, string>>;
  readonly d1Databases: Readonly<Record<string, string>>;
  readonly durableObjects: Readonly<
    Record<string, { readonly className: string; readonly scriptName?: string; readonly useSQLite: boolean }>
  >;
  readonly queueProducers: Readonly<
    Record<string, { readonly queueName: string; readonly deliveryDelay?: number | undefined }>
  >;
  /** Queue → how its messages are given to the handler `queue`. */
  readonly queueConsumers: Readonly<Record<string, QueueConsumer>>;
  readonly serviceBindings: Readonly<Record<string, ServiceBinding>>;
  /** Binding → the script that makes it, in the isolate of the Worker. */
  readonly wrappedBindings: Readonly<
    Record<string, { readonly scriptName: string; readonly bindings: Readonly<Record<string, unknown>> }>
  >;
  readonly unsafeDirectSockets?: readonly { readonly host: string; readonly port: number }[];
}
