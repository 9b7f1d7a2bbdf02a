import { UserError } from "../../../errors.ts";
import { type DataReport, type RepairReport, checkData, repairData } from "../../../store/data/index.ts";
import { defineCommand } from "../../command.ts";
import { type DataCommandOptions, addDataOptions, dataFolderOf, formatBytes } from "../../server/data-command.ts";
import { formatFields } from "../../output/table.ts";

interface Options extends DataCommandOptions {
  repair?: boolean;
}

export default defineCommand<Options>({
  examples: ["data check", "data check --persist-to /var/lib/pubsub --repair"],

  configure(command) {
    command.description(
      "Read all data of a folder, and say whether it is as it was written. Exit code 1 where it is damaged. The server must not run.",
    );
    command.option(
      "--repair",
      "recover what was written before the first damage; the damaged files are kept, with .damaged after their names",
    );
    addDataOptions(command);
  },

  async run({ output }, _args, options) {
    const folder = dataFolderOf(options);
    const repair = options.repair ? await output.spin("repairing", repairData(folder)) : undefined;
    const report = await output.spin("reading", checkData(folder));
    output.document({ folder, ...report, ...(repair && { repair }) }, describe(folder, report, repair));
    if (report.damage === undefined) return;
    const { file, offset, reason } = report.damage;
    throw new UserError(
      "journal-damaged",
      `${file} is damaged at byte ${offset}: ${reason}`,
      "--repair recovers what was written before it, and keeps the damaged files",
    );
  },
});

function describe(folder: string, report: DataReport, repair: RepairReport | undefined): string {
  const records = Object.entries(report.records).map(([type, count]) => `${count} ${type}`);
  const damage =
    report.damage &&
    `damaged: what is shown is what comes before byte ${report.damage.offset} of ${report.damage.file}`;
  return formatFields([
    ["folder", folder],
    ["namespaces", String(report.namespaces)],
    ["brokers", String(report.brokers)],
    ["records", records.join(", ") || "none"],
    ["size", `${formatBytes(report.bytes)} in ${report.segments} segment${report.segments === 1 ? "" : "s"}`],
    [
      "last write",
      report.tornBytes > 0 ? "not complete, and never acknowledged: the next start cuts it off" : undefined,
    ],
    ["state", damage ?? "as it was written"],
    ["repaired", repair && `${repair.damage.file} from byte ${repair.damage.offset} on: ${repair.damage.reason}`],
    ["lost", repair && lost(repair)],
    ["kept aside", repair?.keptFiles.join(", ")],
  ]);
}

function lost({ lostBytes, droppedRecords }: RepairReport): string {
  const dropped = droppedRecords > 0 ? `, and ${droppedRecords} records that are of no use without it` : "";
  return `what ${formatBytes(lostBytes)} said${dropped}`;
}
