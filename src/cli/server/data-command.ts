/** What the commands for data folders have in common. */
import path from "node:path";
import type { Command } from "commander";
import { DEFAULT_DATA_FOLDER } from "./data-folder.ts";

export interface DataCommandOptions {
  persistTo?: string;
}

export function addDataOptions(command: Command): void {
  command.option("--persist-to <folder>", `the data folder (default: ${DEFAULT_DATA_FOLDER} in the current folder)`);
}

export function dataFolderOf({ persistTo = DEFAULT_DATA_FOLDER }: DataCommandOptions): string {
  return path.resolve(persistTo);
}

/** Such as `1,234 bytes` or `12.3 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
