/** Fills a new data folder with what `exportData` wrote. */
import type { RecordId } from "../../broker/ports.ts";
import { UserError } from "../../errors.ts";
import { readCatalogue, writeCatalogue } from "../file-catalogue.ts";
import type { FileJournal } from "../journal/file-journal.ts";
import { journalFolder, openJournal } from "../journal/open.ts";
import { listSegments } from "../journal/scan.ts";
import { parseState } from "../parse-state.ts";
import { EXPORT_VERSION } from "./export.ts";
import { inNewDataFolder } from "./folder.ts";
import { isRecordType, recordFromJson } from "./record-json.ts";

/** Bytes that may wait for the disk before reading goes on. */
const UNKEPT_BYTES_MAX = 8 * 1024 * 1024;

type Json = Record<string, unknown>;

interface Import {
  accountId: unknown;
  readonly namespaces: Json[];
  /** By id. */
  readonly brokers: Map<string, Json & { keys: Json[] }>;
  readonly revocations: Record<string, unknown[]>;
  readonly scramCredentials: Record<string, Json[]>;
  readonly apiTokens: Json[];
  /** Record id → its broker and type. */
  readonly records: Map<RecordId, string>;
  /** A reference, and the line in which it is. */
  readonly references: { line: number; target: RecordId; kind: string }[];
  line: number;
  isComplete: boolean;
}

/**
 * @param lines without their ends
 * @returns how many lines there were
 * @throws {UserError} `data-exists` where the folder is in use for other data; `import-invalid`, naming the line. The folder is then
 *   as empty as before
 */
export async function importData(folder: string, lines: AsyncIterable<string>): Promise<number> {
  return await inNewDataFolder(folder, async () => {
    const journal = await journalFolder(folder);
    if ((await readCatalogue(folder)) !== undefined || (await listSegments(journal)).length > 0) {
      throw new UserError("data-exists", `${folder} has data already`, "choose a new folder with --persist-to");
    }
    let failure: Error | undefined;
    const store = await openJournal(journal, { onFailure: (error) => (failure = error) });
    try {
      const state: Import = {
        ...{ accountId: undefined, namespaces: [], brokers: new Map(), revocations: {}, scramCredentials: {} },
        ...{ apiTokens: [], records: new Map(), references: [], line: 0, isComplete: false },
      };
      for await (const line of lines) {
        state.line++;
        readLine(state, line, store);
        if (store.position - store.committed > UNKEPT_BYTES_MAX) await kept(store, () => failure);
      }
      if (!state.isComplete) throw invalid(state.line, "the end is missing: this is not the whole export");
      checkReferences(state);
      const catalogue = catalogueOf(state, folder);
      await store.close();
      if (failure !== undefined) throw failure;
      // Last: without it, there is no data here.
      await writeCatalogue(folder, catalogue);
      return state.line;
    } catch (error) {
      await store.close();
      for (const name of await listSegments(journal)) await journal.remove(name);
      throw error;
    }
  });
}

function invalid(line: number, what: string): UserError {
  return new UserError(
    "import-invalid",
    `line ${line}: ${what}`,
    "it must be what `pubsub data export` wrote, unchanged",
  );
}

/** Resolves when everything so far is kept. */
async function kept(store: FileJournal, failure: () => Error | undefined): Promise<void> {
  const { position } = store;
  while (store.committed < position) {
    const error = failure();
    if (error !== undefined) throw error;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function readLine(state: Import, text: string, store: FileJournal): void {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    throw invalid(state.line, "it is not JSON");
  }
  const { type, ...rest } = json;
  if (state.isComplete) throw invalid(state.line, "there is more after the end");
  if ((state.line === 1) !== (type === "pubsub-data")) throw invalid(state.line, "this is no export of pubsub's data");
  if (isRecordType(type)) readRecordLine(state, json, store);
  else readCatalogueLine(state, type, rest);
}

function readRecordLine(state: Import, json: Json, store: FileJournal): void {
  const read = recordFromJson(json);
  if (typeof read === "string") throw invalid(state.line, read);
  const { brokerId, id, record } = read;
  if (state.records.has(id)) throw invalid(state.line, `there are two records ${id}`);
  if (!state.brokers.has(brokerId)) {
    throw invalid(state.line, `there is no broker ${brokerId} before it`);
  }
  state.records.set(id, `${brokerId}/${record.type}`);
  const refer = (target: RecordId, type: string) =>
    state.references.push({ line: state.line, target, kind: `${brokerId}/${type}` });
  if ("session" in record) refer(record.session, "session");
  if (record.type === "delivery" || record.type === "retained") refer(record.message, "message");
  store.import(brokerId, id, record);
}

function readCatalogueLine(state: Import, type: unknown, json: Json): void {
  const { broker, ...rest } = json;
  const brokerId = String(broker);
  switch (type) {
    case "pubsub-data":
      if (json["version"] !== EXPORT_VERSION) {
        const version = `it has version ${JSON.stringify(json["version"])}`;
        throw invalid(state.line, `${version}, and this program reads version ${EXPORT_VERSION}`);
      }
      state.accountId = json["accountId"];
      return;
    case "namespace":
      state.namespaces.push(json);
      return;
    case "broker":
      state.brokers.set(String(json["id"]), { ...json, keys: [] });
      return;
    case "key": {
      const owner = state.brokers.get(brokerId);
      if (owner === undefined) throw invalid(state.line, `there is no broker ${brokerId} before it`);
      owner.keys.push(rest);
      return;
    }
    case "revocation":
      (state.revocations[brokerId] ??= []).push(rest["jti"]);
      return;
    case "scram-credential":
      (state.scramCredentials[brokerId] ??= []).push(rest);
      return;
    case "api-token":
      state.apiTokens.push(json);
      return;
    case "end":
      if (json["lines"] !== state.line - 1) throw invalid(state.line, "lines are missing before it");
      state.isComplete = true;
      return;
    default:
      throw invalid(state.line, `the type ${JSON.stringify(type)} is unknown`);
  }
}

function checkReferences({ records, references }: Import): void {
  for (const { line, target, kind } of references) {
    if (records.get(target) !== kind) throw invalid(line, `there is no ${kind.split("/")[1]} ${target} in its broker`);
  }
}

function catalogueOf(state: Import, folder: string) {
  const { accountId, namespaces, brokers, revocations, scramCredentials, apiTokens } = state;
  const catalogue = { accountId, namespaces, brokers: [...brokers.values()], revocations, scramCredentials, apiTokens };
  const document = { version: 1, ...catalogue };
  try {
    return parseState(JSON.stringify(document), "the catalogue");
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError("import-invalid", `${error.message}, so ${folder} stays empty`, undefined, { cause: error });
  }
}
