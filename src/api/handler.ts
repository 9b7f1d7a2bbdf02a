import type { OperationName } from "../contract/routes.ts";
import type {
  CheckedInput,
  EnvelopeOperationName,
  Result,
  StreamOperationName,
  TextOperationName,
} from "../contract/types.ts";
import type { BrokerRecord, NamespaceRecord } from "../store/index.ts";
import type { Caller } from "./caller.ts";
import type { ApiDependencies, Inspection } from "./dependencies.ts";
import { ApiFailure } from "./failure.ts";

/** Does an operation: gives the envelope's `result`, all entries of a list, or the response itself of a stream or a text. */
export type Handler<Name extends OperationName> = Name extends StreamOperationName
  ? (input: CheckedInput<Name>, dependencies: ApiDependencies, caller: Caller) => Response
  : Name extends TextOperationName
    ? (input: CheckedInput<Name>, dependencies: ApiDependencies) => Promise<Response>
    : (
        input: CheckedInput<Name>,
        dependencies: ApiDependencies,
        caller: Caller,
      ) => Outcome<Result<Name & EnvelopeOperationName>> | Promise<Outcome<Result<Name & EnvelopeOperationName>>>;

type Outcome<Value> = Value | Created<Value>;

/** A result that did not exist before, of an operation that may find it there: status 201 (RFC 9110 §9.3.4). */
export class Created<Value> {
  readonly result: Value;

  constructor(result: Value) {
    this.result = result;
  }
}

/** The handlers of some operations; of all of them, none may be missing. */
export type Handlers<Name extends OperationName = OperationName> = { readonly [Each in Name]: Handler<Each> };

/** @throws {ApiFailure} `namespace-not-found` */
export function findNamespace({ catalogue }: ApiDependencies, params: { readonly namespace: string }): NamespaceRecord {
  const namespace = catalogue.namespace(params.namespace);
  if (namespace === undefined) throw new ApiFailure("namespace-not-found", `no namespace ${params.namespace}`);
  return namespace;
}

/** @throws {ApiFailure} `namespace-not-found` or `broker-not-found` */
export function inspectBroker(
  dependencies: ApiDependencies,
  params: { readonly namespace: string; readonly broker: string },
): Inspection {
  const inspection = dependencies.inspect(findBroker(dependencies, params).broker.id);
  if (inspection === undefined) throw new ApiFailure("broker-not-found");
  return inspection;
}

/** @throws {ApiFailure} `namespace-not-found` or `broker-not-found` */
export function findBroker(
  dependencies: ApiDependencies,
  params: { readonly namespace: string; readonly broker: string },
): { readonly namespace: NamespaceRecord; readonly broker: BrokerRecord } {
  const namespace = findNamespace(dependencies, params);
  const broker = dependencies.catalogue.broker(namespace.id, params.broker);
  if (broker === undefined) {
    throw new ApiFailure("broker-not-found", `no broker ${params.broker} in the namespace ${namespace.name}`);
  }
  return { namespace, broker };
}
