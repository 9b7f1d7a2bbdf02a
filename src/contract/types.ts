/** The contract's shapes as types, for callers that are not to load zod: import with `import type`. */
import type { z } from "zod";
import type { contentSchema } from "./content.ts";
import type { operations } from "./operations.ts";
import type { OperationName, routes } from "./routes.ts";
import type { pathParameterSchemas } from "./schemas.ts";

type Operations = typeof operations;
type Routes = typeof routes;

type PathNames<Path> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | PathNames<Rest> : never;

/** Names of the path parameters of an operation, such as `"account" | "namespace"`. */
export type PathParameter<Name extends OperationName> = PathNames<Routes[Name]["path"]> &
  keyof typeof pathParameterSchemas;

export type StreamOperationName = {
  [Name in OperationName]: Routes[Name] extends { stream: true } ? Name : never;
}[OperationName];
export type TextOperationName = {
  [Name in OperationName]: Routes[Name] extends { text: true } ? Name : never;
}[OperationName];
export type EnvelopeOperationName = Exclude<OperationName, StreamOperationName | TextOperationName>;

type QueryInput<Name extends OperationName> = Operations[Name] extends { query: infer Query extends z.ZodType }
  ? z.input<Query>
  : unknown;
type BodyInput<Name extends OperationName> = Operations[Name] extends { body: infer Body extends z.ZodType }
  ? z.input<Body>
  : unknown;

type Flat<Type> = { [Key in keyof Type]: Type[Key] };

/**
 * What a caller passes: path parameters, query and body in one object, since their names never clash. The account is
 * left out: there is one.
 */
export type Input<Name extends OperationName> = Flat<
  { [Parameter in Exclude<PathParameter<Name>, "account">]: string } & QueryInput<Name> & BodyInput<Name>
>;

/** `result` of the envelope; of a stream, each event. */
export type Result<Name extends OperationName> = z.output<Operations[Name]["result"]>;

/** What a handler gets once the request was checked. */
export interface CheckedInput<Name extends OperationName> {
  readonly params: { readonly [Parameter in PathParameter<Name>]: string };
  readonly query: Operations[Name] extends { query: infer Query extends z.ZodType } ? z.output<Query> : undefined;
  readonly body: Operations[Name] extends { body: infer Body extends z.ZodType }
    ? z.output<Body>
    : Name extends TextOperationName
      ? string
      : undefined;
  /** The header If-Match. */
  readonly ifMatch: string | undefined;
  /** Where a caller that comes back had got to: the header Last-Event-ID. */
  readonly lastEventId: Name extends StreamOperationName ? string | undefined : undefined;
}

export type Namespace = Result<"describeNamespace">;
/** What `issueCredentials` gives for each type. */
export type Tokens = Extract<Result<"issueCredentials">, Record<string, string>>;
export type ClientCertificates = Exclude<Result<"issueCredentials">, Tokens>;
export type Broker = Result<"describeBroker">;
export type HookState = NonNullable<Result<"describeHook">>;

/** Payload and properties of a message. */
export type Content = z.output<typeof contentSchema>;
export type RetainedMessage = Result<"getRetained">;
export type SessionSummary = Result<"listSessions">["sessions"][number];

/** One event of `GET …/events`, one line of `pubsub tail --json`. */
export type TailEvent = Result<"events">;
export type TailEventName = TailEvent["event"];
/** One kind of event, such as `TailEventOf<"publish">`. */
export type TailEventOf<Name extends TailEventName> = Extract<TailEvent, { event: Name }>;
