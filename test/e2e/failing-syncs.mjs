/** Loaded into a server before its program: once the file of FAILING_SYNCS is there, the disk keeps nothing any more. */
import fs from "node:fs";

for (const name of ["fsync", "fdatasync"]) {
  const sync = fs[name];
  fs[name] = (descriptor, done) => {
    if (!fs.existsSync(process.env.FAILING_SYNCS)) return sync(descriptor, done);
    const error = Object.assign(new Error(`EIO: i/o error, ${name}`), { code: "EIO" });
    setImmediate(() => done(error));
  };
}
