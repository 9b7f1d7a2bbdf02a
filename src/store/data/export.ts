/** All data of a folder as lines of JSON: how it moves to another machine, or to another version. */
import { UserError } from "../../errors.ts";
import { readCatalogue } from "../file-catalogue.ts";
import { journalFolder } from "../journal/open.ts";
import { damaged, readJournal } from "../journal/recovery.ts";
import type { CatalogueState } from "../state.ts";
import { inDataFolder } from "./folder.ts";
import { recordToJson } from "./record-json.ts";

/** Every change of the form gets a new number, and code that reads the older ones. */
export const EXPORT_VERSION = 1;

/**
 * Gives `write` one object after the other, and waits where it returns a promise. The first says what it is, the last (`end`) how many lines
 * come before it. Among them are private keys.
 * @returns how many they were in all
 * @throws {UserError} `no-data`, `journal-damaged`
 */
export async function exportData(folder: string, write: (line: object) => Promise<void> | undefined): Promise<number> {
  return await inDataFolder(folder, async () => {
    const catalogue = await readCatalogue(folder);
    if (catalogue === undefined) {
      throw new UserError("no-data", `there is no data in ${folder}`, "--persist-to names the folder of a server");
    }
    const journal = await journalFolder(folder);
    const { scan, records } = await readJournal(journal);
    if (scan.damage !== undefined) throw damaged(journal, scan.damage);
    let lines = 0;
    const send = (line: object): Promise<void> | undefined => {
      lines++;
      return write(line);
    };
    for (const line of catalogueLines(catalogue)) await send(line);
    for (const [brokerId, ofBroker] of records) {
      // Of a broker that is deleted, but not yet from the journal.
      if (!catalogue.brokers.has(brokerId)) continue;
      for (const [id, record] of ofBroker) {
        const waiting = send(recordToJson(brokerId, id, record));
        if (waiting !== undefined) await waiting;
      }
    }
    const linesBefore = lines;
    await send({ type: "end", lines: linesBefore });
    return lines;
  });
}

function* catalogueLines(state: CatalogueState): Iterable<object> {
  const { accountId, namespaces, brokers, revocations, scramCredentials, apiTokens, ...others } = state;
  // What is new in catalogues has to be exported, too.
  others satisfies Record<string, never>;
  yield { type: "pubsub-data", version: EXPORT_VERSION, accountId };
  for (const namespace of namespaces.values()) yield { type: "namespace", ...namespace };
  for (const { keys, ...broker } of brokers.values()) {
    yield { type: "broker", ...broker };
    for (const key of keys) yield { type: "key", broker: broker.id, ...key };
  }
  for (const [broker, jtis] of revocations) for (const jti of jtis) yield { type: "revocation", broker, jti };
  for (const [broker, credentials] of scramCredentials) {
    for (const credential of credentials.values()) yield { type: "scram-credential", broker, ...credential };
  }
  for (const apiToken of apiTokens.values()) yield { type: "api-token", ...apiToken };
}
