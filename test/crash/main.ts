/** The command line; see settings.ts. Run by scripts/crash.mjs in the project's folder. */
import path from "node:path";
import { runCrash } from "./run.ts";
import { type Settings, USAGE, parseSettings } from "./settings.ts";

// oxlint-disable-next-line no-console
const log = (line: string): void => console.log(line);

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === undefined) return 2;
  const { seed, kills, fsync } = settings;
  const root = process.cwd();
  const program = path.resolve(settings.program ?? "bin/pubsub.js");
  const again = `npm run crash -- --seed ${seed} --kills ${kills} --fsync ${fsync}`;
  log(`crash: ${again}`);
  const failure = await runCrash({ program, root, seed, kills, fsync, log });
  if (failure === undefined) return 0;
  log(`${failure.message}\n\nThe data folder is kept in ${failure.folder}. Again, though the moments differ: ${again}`);
  return 1;
}

function readSettings(): Settings | undefined {
  try {
    return parseSettings(process.argv.slice(2));
  } catch (error) {
    log(`${(error as Error).message}\n\n${USAGE}`);
    return undefined;
  }
}

process.exitCode = await main();
