/**
 * The conformance table: which normative statements of MQTT 5.0 and 3.1.1 have a test in test/conformance, which are gaps
 * with a reason, and which bind clients alone. A test has a statement by its number in its name: `[MQTT-3.1.2-22]` for
 * 5.0, `[3.1.1 MQTT-3.1.2-24]` for 3.1.1. Exits with 1 where one that binds a server has neither test nor reason.
 *
 *   node scripts/conformance.mjs [--list]   --list prints every statement
 */
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** design/mqtt-pitfalls.md has so many. */
const PITFALLS = 45;

const folder = fileURLToPath(new URL("../test/conformance/", import.meta.url));
const statements = JSON.parse(readFileSync(`${folder}statements.json`, "utf8"));
const key = ({ id, version }) => (version === "5.0" ? `[${id}]` : `[${version} ${id}]`);

/** Where each number and each pitfall stands in the code of the tests; what is in comments does not count. */
const files = new Map();
const problems = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts"))) {
  const code = readFileSync(folder + file, "utf8")
    .replaceAll(/\/\*[^]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "");
  for (const [name] of code.matchAll(/\[(?:3\.1\.1 )?MQTT-[\d.]+-\d+\]|pitfall \d+(?=:)/g)) {
    files.set(name, (files.get(name) ?? new Set()).add(file));
  }
  if (/\.(?:skip|todo|only|fails|skipIf|runIf)\b/.test(code)) problems.push(`${file} has a test that does not run`);
}

const known = new Set(statements.map(key));
for (const name of files.keys()) {
  if (name.startsWith("[") && !known.has(name)) problems.push(`${name} is no statement, but a test is named by it`);
}
for (let number = 1; number <= PITFALLS; number++) {
  if (!files.has(`pitfall ${number}`)) problems.push(`pitfall ${number} has no test`);
}

const counts = new Map();
for (const statement of statements) {
  const { version, binds, gap, title } = statement;
  const name = key(statement);
  const isTested = files.has(name);
  const state = isTested ? "tested" : binds === "client" ? "client only" : gap === undefined ? "MISSING" : "gap";
  if (isTested && gap !== undefined) problems.push(`${name} has a test and a reason for having none`);
  if (state === "MISSING") problems.push(`${name} has neither a test nor a reason: ${title}`);
  counts.set(`${version} ${state}`, (counts.get(`${version} ${state}`) ?? 0) + 1);
  if (process.argv.includes("--list")) {
    console.log(`${name}\t${state}\t${[...(files.get(name) ?? [gap ?? title])].join(" ")}`);
  } else if (state === "gap") {
    console.log(`gap  ${name} ${title}: ${gap}`);
  }
}
for (const [state, count] of counts) console.log(`${String(count).padStart(4)}  ${state}`);
for (const problem of problems) console.error(`conformance: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
