/**
 * Makes CommonJS of what esbuild wrote as ES modules: it divides a bundle into chunks as ES modules only, and Node takes
 * longer to start with these, by a tenth of a second for each hundred files and as much as it needs for its own loader.
 *
 * Imports become constants rather than properties of the imported module, which is what esbuild's own conversion makes of
 * them: the broker would spend a quarter more on each message. So an export that changes its value later would be missed;
 * there is none, and `toCommonJs` sees to it.
 */
import vm from "node:vm";

const IMPORT =
  /^import (?:(?<whole>\w+)|\* as (?<namespace>\w+)|(?:(?<first>\w+), )?\{(?<names>[^}]*)\}) from (?<from>"[^"]+");$/gm;
const EFFECT = /^import (?<from>"[^"]+");$/gm;
const EXPORT = /^export \{(?<names>[^}]*)\};$/gm;
/** What is not a file of the bundle may be an ES module, and stays. */
const LAZY = /\bimport\((?<from>"(?:\.|node:)[^"]+")\)/g;

/**
 * @param {string} code of one file, as esbuild formats it: chunks never import each other in circles
 * @param {string} file its path, for errors
 */
export function toCommonJs(code, file) {
  const exported = [...code.matchAll(EXPORT)].flatMap(({ groups }) => pairs(groups.names));
  for (const [name] of exported) refuseAssignments(code, name, file);
  const converted = code
    .replace(IMPORT, (...match) => {
      const { whole, namespace, first, names, from } = match.at(-1);
      const wanted = names === undefined ? (whole ?? namespace) : `{ ${pairs(names).map(renamed).join(", ")} }`;
      const constants = first === undefined ? [wanted] : [first, wanted];
      return constants.map((constant) => `const ${constant} = require(${from});`).join("\n");
    })
    .replace(EFFECT, "require($<from>);")
    .replace(LAZY, "Promise.resolve().then(() => require($<from>))")
    .replace(EXPORT, "");
  const exports = exported.map(([name, as]) => renamed([as, name])).join(", ");
  const whole = `"use strict";\n${converted}\nmodule.exports = { ${exports} };\n`;
  // Compiled as Node would: an import that was overlooked is no syntax of a function's.
  vm.compileFunction(whole, ["exports", "require", "module", "__filename", "__dirname"], { filename: file });
  return whole;
}

/** Of `a, b as c`: `[["a", "a"], ["b", "c"]]`. */
function pairs(names) {
  const entries = names.split(",").map((name) => name.trim());
  return entries.filter(Boolean).map((entry) => {
    const [name, as = name] = entry.split(" as ");
    return [name, as];
  });
}

/** Of an object literal, or of a pattern. */
function renamed([name, as]) {
  return name === as ? name : `${name}: ${as}`;
}

/** Within functions: what happens while the module is loaded comes before anybody has its exports. */
function refuseAssignments(code, name, file) {
  const escaped = name.replaceAll("$", "\\$");
  const found = new RegExp(
    `^ +(?:${escaped} (?:[-+*/%&|^]|\\?\\?|\\|\\||&&)?= .*|${escaped}(?:\\+\\+|--);)$`,
    "m",
  ).exec(code);
  if (found)
    throw new Error(`${file}: the export ${name} changes its value, which CommonJS does not show:\n${found[0]}`);
}
