/**
 * Joins files of the bundle that load together anyway. Finding a file and compiling it takes Node 0.25 ms however little is in
 * it, and esbuild makes a chunk for each set of modules that the same entries share: a server would start from forty.
 *
 * A joined file has its own exports and, in `parts`, those of the others. Who needs one of them gets it from there.
 */
import path from "node:path";

/** Small enough to be loaded although not every command needs it. */
const SMALL_BYTES = 8 * 1024;

const COMMENTS = /^ *(?:\*|\/\/).*$/gm;
const RELATIVE = /\brequire\("(\.[^"]+)"\)/g;

/**
 * @param {Map<string, string>} files CommonJS by path; changed
 * @param {Record<string, { imports: { path: string, kind: string }[], entryPoint?: string, bytes: number }>} outputs of the build
 * @param {{ start: string, frequent: string[], server: string, commands: RegExp }} entries sources: what loads always, those
 * whose small parts load with it, what loads with a server, and what must not need the server's file
 */
export function join(files, outputs, { start, frequent, server, commands }) {
  const fileOf = (source) => Object.keys(outputs).find((file) => outputs[file].entryPoint === source);
  const importsOf = (file) =>
    outputs[file].imports.filter((each) => each.kind === "import-statement" && each.path in outputs);
  /** In the order in which they are to be evaluated. */
  const closureOf = (file, seen = new Set()) => {
    for (const each of importsOf(file)) if (!seen.has(each.path)) closureOf(each.path, seen);
    return seen.add(file);
  };

  const atStart = closureOf(fileOf(start));
  for (const file of frequent.flatMap((source) => [...closureOf(fileOf(source))])) {
    const isPart = outputs[file].entryPoint === undefined && outputs[file].bytes <= SMALL_BYTES;
    if (isPart && importsOf(file).every((each) => atStart.has(each.path))) atStart.add(file);
  }
  joinInto(files, fileOf(start), atStart);

  const ofCommands = new Set(
    Object.keys(outputs).flatMap((file) => (commands.test(outputs[file].entryPoint) ? [...closureOf(file)] : [])),
  );
  const all = [...closureOf(fileOf(server))].filter((file) => !atStart.has(file));
  const ofServer = new Set(all.filter((file) => !ofCommands.has(file)));
  // A part that another file needs while the joined one loads cannot be in it.
  for (const file of all.toReversed()) {
    if (all.some((other) => !ofServer.has(other) && importsOf(other).some((each) => each.path === file))) {
      ofServer.delete(file);
    }
  }
  joinInto(files, fileOf(server), ofServer);
}

/** @param {Set<string>} parts with the target, each behind those that it imports */
function joinInto(files, target, parts) {
  const bodies = [];
  for (const part of parts) {
    const text = relocated(files.get(part), part, target);
    if (/\b__(?:filename|dirname)\b/.test(text.replace(COMMENTS, "")))
      throw new Error(`${part} needs its own file name, and cannot be joined`);
    const [, body, exported] = /^"use strict";\n(.*)\nmodule\.exports = (\{.*\});\n$/s.exec(text);
    bodies.push(`parts["${path.basename(part)}"] = (() => {\n${body}\nreturn ${exported};\n})();`);
    files.delete(part);
  }
  const own = `parts["${path.basename(target)}"]`;
  files.set(target, `"use strict";\nconst parts = {};\n${bodies.join("\n")}\nmodule.exports = { ...${own}, parts };\n`);
  for (const [file, text] of files) {
    const get = file === target ? "parts" : `require("${relative(file, target)}").parts`;
    files.set(
      file,
      text.replace(RELATIVE, (whole, to) => {
        const wanted = path.join(path.dirname(file), to);
        return parts.has(wanted) ? `${get}["${path.basename(wanted)}"]` : whole;
      }),
    );
  }
}

/** Code that was to be in one file, for another. */
function relocated(text, from, to) {
  return text.replace(RELATIVE, (_, wanted) => `require("${relative(to, path.join(path.dirname(from), wanted))}")`);
}

function relative(from, to) {
  const found = path.relative(path.dirname(from), to).replaceAll(path.sep, "/");
  return found.startsWith(".") ? found : `./${found}`;
}
