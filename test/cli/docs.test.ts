/** docs/cli.md is what the program says of itself; `npx vitest run test/cli/docs.test.ts -u` writes it anew. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { exitCodeMeanings } from "../../src/cli/exit-codes.ts";
import { registry } from "../../src/cli/registry.ts";
import { pubsub } from "./world.ts";

const docs = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));

async function helpOf(command: string): Promise<string> {
  const { stdout } = await pubsub([...command.split(" "), "--help"]);
  // Options of every command stand once, at the beginning.
  const sections = stdout.trimEnd().split("\n\n");
  return sections.filter((section) => !section.startsWith("Global options:")).join("\n\n");
}

it("docs/cli.md is current", async () => {
  const { stdout } = await pubsub(["broker", "list", "--help"]);
  const globalOptions = stdout.split("\n\n").find((section) => section.startsWith("Global options:"))!;
  const parts = [
    "# The command line",
    "Made from the program, which says the same: `pubsub COMMAND --help`.",
    "## Options of every command",
    fenced(globalOptions.trimEnd().split("\n").slice(1).join("\n")),
    "## Exit codes",
    ["| Code | Meaning |", "| --- | --- |", ...exitCodeMeanings.map(([code, text]) => `| ${code} | ${text} |`)].join(
      "\n",
    ),
  ];
  for (const { path: command, hidden } of registry) {
    if (!hidden) parts.push(`## pubsub ${command}`, fenced(await helpOf(command)));
  }
  await expect(`${parts.join("\n\n")}\n`).toMatchFileSnapshot(path.relative(import.meta.dirname, docs));
});

const fenced = (text: string) => `\`\`\`\n${text}\n\`\`\``;
