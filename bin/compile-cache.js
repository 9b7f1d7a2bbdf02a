/**
 * Keeps what V8 has compiled of the program for its next start, which is a fifth shorter for it. Node 22 and newer do that
 * themselves; for Node 20 the program's files are loaded by a hook for `require`.
 */
"use strict";
const fs = require("node:fs");
const path = require("node:path");

/** Of other builds and versions of Node, the newest stay. */
const KEPT_FOLDERS = 4;
/** V8 compiles a function when it is first called: by then a start is over. */
const STARTED_MS = 1000;

/**
 * Never fails: without a folder to write to, everything is compiled anew.
 * @param {string} dist the folder of the program
 * @param {NodeJS.ProcessEnv} env
 */
function useCompileCache(dist, env) {
  if (env.NODE_DISABLE_COMPILE_CACHE || env.NODE_V8_COVERAGE) return;
  const cacheHome = cacheFolder(env);
  if (cacheHome === undefined) return;
  const { enableCompileCache } = require("node:module");
  // Not where Node would put it: others may write to the folder of temporary files, and this is code that runs.
  if (enableCompileCache !== undefined) enableCompileCache(env.NODE_COMPILE_CACHE ?? path.join(cacheHome, "compiled"));
  else loadCompiled(dist, path.join(cacheHome, "compiled"));
}

/** As XDG and the platforms have it. */
function cacheFolder(env) {
  const { HOME, LOCALAPPDATA, XDG_CACHE_HOME } = env;
  if (process.platform === "win32") return LOCALAPPDATA && path.join(LOCALAPPDATA, "pubsub", "Cache");
  if (XDG_CACHE_HOME) return path.join(XDG_CACHE_HOME, "pubsub");
  if (!HOME) return undefined;
  return path.join(HOME, process.platform === "darwin" ? "Library/Caches" : ".cache", "pubsub");
}

function loadCompiled(dist, parent) {
  const build = readIfThere(path.join(dist, "build.json"));
  if (build === undefined) return;
  // V8 compares no more than the length of a source.
  const builtMs = Date.parse(JSON.parse(build).builtAt);
  const folder = path.join(parent, `${process.version}-${process.arch}-${builtMs}`);
  const { createRequire } = require("node:module");
  const vm = require("node:vm");
  const isOurs = isPrivate(folder);
  const inDist = dist + path.sep;
  const loadAsUsual = require.extensions[".js"];
  const compiledAnew = new Map();

  require.extensions[".cjs"] = (module, filename) => {
    if (!filename.startsWith(inDist)) {
      loadAsUsual(module, filename);
      return;
    }
    const cached = path.join(folder, `${path.relative(dist, filename).replaceAll(path.sep, "-")}.compiled`);
    const cachedData = isOurs ? readIfThere(cached) : undefined;
    const source = fs.readFileSync(filename, "utf8");
    // In what V8 finds compiled there is no `import()`: `require` does the same.
    const script = new vm.Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
      filename,
      cachedData,
    });
    if (cachedData === undefined || script.cachedDataRejected) compiledAnew.set(cached, script);
    const load = script.runInThisContext();
    load.call(module.exports, module.exports, createRequire(filename), module, filename, path.dirname(filename));
  };

  const keep = () => {
    if (compiledAnew.size > 0) writeAll(parent, folder, compiledAnew);
    compiledAnew.clear();
  };
  // A server may be killed.
  setTimeout(keep, STARTED_MS).unref();
  process.on("exit", keep);
}

/** True if nobody else can have written there. */
function isPrivate(folder) {
  try {
    const { uid, mode } = fs.statSync(folder);
    return process.getuid === undefined || (uid === process.getuid() && (mode & 0o022) === 0);
  } catch {
    return false;
  }
}

function readIfThere(file) {
  try {
    return fs.readFileSync(file);
  } catch {
    return undefined;
  }
}

function writeAll(parent, folder, scripts) {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isPrivate(folder)) return;
    for (const [file, script] of scripts) {
      // Whole or not at all: others may read it at the same time, and V8 does not look whether it is damaged.
      const unfinished = `${file}.${process.pid}`;
      fs.writeFileSync(unfinished, script.createCachedData(), { mode: 0o600, flush: true });
      fs.renameSync(unfinished, file);
    }
    removeOldest(parent);
  } catch {
    // A full disk, or a home that may not be written to.
  }
}

function removeOldest(parent) {
  const folders = fs
    .readdirSync(parent)
    .map((name) => path.join(parent, name))
    .map((folder) => ({ folder, changedMs: fs.statSync(folder).mtimeMs }))
    .sort((a, b) => b.changedMs - a.changedMs);
  for (const { folder } of folders.slice(KEPT_FOLDERS)) fs.rmSync(folder, { recursive: true, force: true });
}

module.exports = { useCompileCache };
