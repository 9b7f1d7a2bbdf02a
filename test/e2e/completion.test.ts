/** Completion in the shells themselves; bash is in test/acceptance/completion.txt. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { program } from "../setup/program.ts";
import { World } from "./world.ts";

/** Developers may be without; CI has them, and there their absence is a failure. */
const has = (shell: string) => process.env["CI"] !== undefined || spawnSync(shell, ["--version"]).error === undefined;

/** A folder with the program as `pubsub`, which shells find. */
function pathWithPubsub(world: World): string {
  const bin = join(world.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "pubsub"), `#!/bin/sh\nexec '${process.execPath}' '${program()}' "$@"\n`);
  chmodSync(join(bin, "pubsub"), 0o755);
  return `${bin}:${process.env["PATH"]}`;
}

test.runIf(has("fish"))("fish: commands, options, live names, and files where nothing else fits", async () => {
  const world = await World.create();
  await world.dev("--no-tls", "--memory");
  const PATH = pathWithPubsub(world);
  const lines = [
    "pubsub broker de",
    "pubsub tail --format p",
    "pubsub broker describe d",
    "pubsub pub a -f rea",
    "pubsub sub --retai",
  ];
  const script = [
    "pubsub completion fish | source",
    ...lines.map((line) => `complete --do-complete "${line}"; echo ==`),
  ].join("\n");
  const { stdout, stderr } = await world.spawn("fish", ["--no-config", "--command", script], { PATH }).finished;
  expect(stderr).toBe("");
  const found = stdout.split("==\n").map((part) =>
    part
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[0]),
  );
  expect(found).toEqual([["delete", "describe"], ["pretty"], ["dev"], ["ready.json"], ["--retained-only"], [""]]);
});

/** Types at a zsh of its own, and waits for what it shows. */
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1="> "; autoload -U compinit; compinit -u -D; eval "$(pubsub completion zsh)"; print READY-$((6*7))'
zpty -r shell shown '*READY-42*'
zpty -w -n shell $'pubsub broker desc\\t'
zpty -r shell shown '*broker describe *'
zpty -w -n shell $'d\\t'
zpty -r shell shown '*dev *'
zpty -w -n shell $'\\x15pubsub token \\t'
zpty -r shell shown '*inspect*Show what a token says*unrevoke*'
zpty -d shell
print complete
`;

test.runIf(has("zsh"))("zsh: commands with what they do, and live names", async () => {
  const world = await World.create();
  await world.dev("--no-tls", "--memory");
  const zsh = world.spawn("zsh", ["-f", "-c", ZSH], { PATH: pathWithPubsub(world), TERM: "dumb" });
  expect(await zsh.finished).toMatchObject({ code: 0, stdout: expect.stringMatching(/complete\n$/) });
});
