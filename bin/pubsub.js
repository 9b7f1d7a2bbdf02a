#!/usr/bin/env node
// Answers --version and --help by itself, from files that the build wrote: loading the program takes longer. CommonJS,
// as the program is (scripts/commonjs.mjs), and package.json of this folder says.
"use strict";
const { readFileSync } = require("node:fs");
const path = require("node:path");

const inPackage = (file) => path.join(__dirname, "..", file);
const [first, ...rest] = process.argv.slice(2);
const alone = rest.length === 0;

/** The text of --help for 80 columns and more; narrower terminals get it wrapped by the program. */
function helpText() {
  if (process.stdout.isTTY && process.stdout.columns < 80) return undefined;
  try {
    return readFileSync(inPackage("dist/help.txt"), "utf8");
  } catch {
    return undefined;
  }
}

function start() {
  require("./compile-cache.js").useCompileCache(inPackage("dist"), process.env);
  let program;
  try {
    program = require("../dist/cli/main.cjs");
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND" || !error.message.includes("main.cjs")) throw error;
    process.stderr.write("error: pubsub is not built: dist/ is missing\n  → run `npm run build`\n");
    process.exitCode = 1;
    return;
  }
  void program.main();
}

/** `| head` may close the pipe before everything is written. */
function print(text) {
  process.stdout.on("error", () => {});
  process.stdout.write(text);
}

const wantsHelp = alone && (first === undefined || first === "--help" || first === "-h" || first === "help");
const help = wantsHelp ? helpText() : undefined;
if (alone && (first === "--version" || first === "-V")) {
  print(`${JSON.parse(readFileSync(inPackage("package.json"), "utf8")).version}\n`);
} else if (help !== undefined) {
  print(help);
} else {
  start();
}
