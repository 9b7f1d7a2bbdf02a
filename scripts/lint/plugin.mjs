/**
 * The project's own lint rules, loaded by oxlint (`jsPlugins` in .oxlintrc.json): what its built-in rules cannot say,
 * because it depends on the layer that a file belongs to. The layers themselves are in layers.mjs.
 */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import path from "node:path";
import { layers } from "./layers.mjs";

const LAYER_NAMES = Object.keys(layers);

/** Globals that make a run depend on more than its inputs. */
const IMPURE_GLOBALS = new Map([
  ...["Date", "performance", "Temporal"].map((name) => [name, "the clock: take `now` as a parameter"]),
  ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "clearTimeout", "clearInterval"].map((name) => [
    name,
    "timers: report a deadline instead",
  ]),
  ...["crypto", "Crypto"].map((name) => [name, "randomness: ask a port"]),
  ...["process", "console", "fetch", "require", "globalThis", "global"].map((name) => [
    name,
    "the world outside: ask a port",
  ]),
]);

/** The file's path without extension below the nearest `src` folder, such as `broker/ports`; undefined elsewhere. */
function moduleOf(file) {
  const parts = file.split(path.sep);
  const src = parts.lastIndexOf("src");
  return src === -1
    ? undefined
    : parts
        .slice(src + 1)
        .join("/")
        .replace(/\.[cm]?[jt]s$/, "");
}

function isWithin(module, folder) {
  return module === folder || module.startsWith(`${folder}/`);
}

/** The most specific layer of the table that the module belongs to. */
function layerOf(module) {
  const matches = LAYER_NAMES.filter((name) => isWithin(module, name));
  return matches.reduce((best, name) => (best && best.length > name.length ? best : name), undefined);
}

function packageOf(specifier) {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function isEsModule(packageName) {
  const manifest = new URL(`../../node_modules/${packageName}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(manifest, "utf8")).type === "module";
}

const covers = (list, name) => list === true || (Array.isArray(list) && list.includes(name));

/** Says why `module` may not import `specifier`, or undefined if it may. */
function objection(file, module, layer, specifier, typeOnly) {
  const rule = layers[layer];
  if (!specifier.startsWith(".")) {
    if (isBuiltin(specifier)) return covers(rule.node, specifier) ? undefined : "none of Node's own modules";
    const packageName = packageOf(specifier);
    return covers(rule.packages, packageName) ? undefined : `not the package ${packageName}`;
  }
  const target = moduleOf(path.resolve(path.dirname(file), specifier));
  if (target === undefined) return "nothing outside src/";
  const targetLayer = layerOf(target);
  if (targetLayer === undefined) return `not ${target}: no layer of scripts/lint/layers.mjs contains it`;
  if (targetLayer === layer || rule.imports === "everything") return undefined;
  // A sub-layer such as cli/commands/dev is still part of cli for those that may import cli.
  if (rule.imports?.some((allowed) => isWithin(target, allowed))) return undefined;
  if (isWithin(targetLayer, layer)) return undefined;
  if (!rule.types?.some((allowed) => isWithin(target, allowed))) return `not ${target}`;
  return typeOnly ? undefined : `only types of ${target} (write \`import type\`)`;
}

/** `import type …`, or every single name of it marked `type`. */
function isTypeOnly(node, kindField, specifiers) {
  if (node[kindField] === "type") return true;
  return specifiers.length > 0 && specifiers.every((specifier) => specifier[kindField] === "type");
}

const importsRule = {
  create(context) {
    const file = context.filename;
    const module = moduleOf(file);
    if (module === undefined) return {};
    const layer = layerOf(module);

    function check(node, source, typeOnly) {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const reason = objection(file, module, layer, source.value, typeOnly);
      if (reason) context.report({ node, message: `${layer} may import ${reason}. See scripts/lint/layers.mjs.` });
    }

    return {
      Program(node) {
        if (layer === undefined) {
          context.report({ node, message: `${module} belongs to no layer. Add it to scripts/lint/layers.mjs.` });
        }
      },
      ...(layer && {
        ImportDeclaration: (node) => check(node, node.source, isTypeOnly(node, "importKind", node.specifiers)),
        ExportNamedDeclaration: (node) => check(node, node.source, isTypeOnly(node, "exportKind", node.specifiers)),
        ExportAllDeclaration: (node) => check(node, node.source, node.exportKind === "type"),
        ImportExpression: (node) => check(node, node.source, false),
        TSImportType: (node) => check(node, node.source ?? node.argument, true),
      }),
    };
  },
};

const pureRule = {
  create(context) {
    const module = moduleOf(context.filename);
    const layer = module && layerOf(module);
    if (!layer || !layers[layer].pure) return {};
    const report = (node, what) =>
      context.report({ node, message: `${layer} is synchronous and pure, and does without ${what}.` });

    function checkFunction(node) {
      if (node.async) report(node, "async functions: results come back as inputs");
    }

    return {
      FunctionDeclaration: checkFunction,
      FunctionExpression: checkFunction,
      ArrowFunctionExpression: checkFunction,
      // `await` stands without an async function at the top of a module.
      AwaitExpression: (node) => report(node, "await: results come back as inputs"),
      MemberExpression(node) {
        if (node.object.name === "Math" && (node.property.name ?? node.property.value) === "random") {
          report(node, "randomness: ask a port");
        }
      },
      Program(node) {
        const globalScope = context.sourceCode.getScope(node);
        const unresolved = [
          ...globalScope.through,
          ...globalScope.variables.filter((variable) => variable.defs.length === 0).flatMap((v) => v.references),
        ];
        for (const reference of new Set(unresolved)) {
          const why = IMPURE_GLOBALS.get(reference.identifier.name);
          if (why && reference.isValueReference !== false) report(reference.identifier, why);
        }
      },
    };
  },
};

/**
 * Bundled, `await import("undici")` has nothing but `default` if the package is CommonJS, and no tool says so. A module
 * of ours that imports the package statically and is itself loaded lazily has all names.
 */
const lazyPackagesRule = {
  create(context) {
    if (moduleOf(context.filename) === undefined) return {};
    return {
      ImportExpression(node) {
        const specifier = node.source.value;
        if (typeof specifier !== "string" || specifier.startsWith(".") || isBuiltin(specifier)) return;
        if (isEsModule(packageOf(specifier))) return;
        const message = `Import ${specifier} statically in a module of src/, and load that module with import().`;
        context.report({ node, message });
      },
    };
  },
};

export default {
  meta: { name: "layers" },
  rules: { imports: importsRule, pure: pureRule, "lazy-packages": lazyPackagesRule },
};
