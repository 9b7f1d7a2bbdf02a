/** Leads places in bundles back to the sources. */
import { SourceMap } from "node:module";
import path from "node:path";
import { BUNDLE_SUFFIX } from "./bundle.ts";
import { OWN_FRAME } from "./entry.ts";

/** `file:///…/name.bundle.js:12:34`, with or without folders. */
const PLACE = new RegExp(
  String.raw`(?:file:\/\/)?[^\s()]*?([\w-]+)${BUNDLE_SUFFIX.replaceAll(".", String.raw`\.`)}:(\d+):(\d+)`,
  "g",
);

interface Mapped {
  readonly map: SourceMap;
  readonly folder: string;
}

export class StackTraces {
  /** Name of a Worker → the map of its bundle. */
  readonly #maps = new Map<string, Mapped>();

  /** @param folder what the map's sources are relative to */
  set(worker: string, map: string, folder: string): void {
    this.#maps.set(worker, {
      map: new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0]),
      folder,
    });
  }

  /** Replaces every place in a bundle by that in the sources, and leaves out the lines that are not the user's. */
  map(text: string): string {
    const isOurs = (line: string) => /^\s+at /.test(line) && OWN_FRAME.test(line);
    const mapped = text.replaceAll(PLACE, (place, worker: string, line: string, column: string) => {
      const known = this.#maps.get(worker);
      const entry = known?.map.findEntry(Number(line) - 1, Number(column) - 1);
      if (known === undefined || entry === undefined || !("originalSource" in entry)) return place;
      const source = path.resolve(known.folder, entry.originalSource);
      const shown = path.relative(process.cwd(), source);
      return `${shown.startsWith("..") ? source : shown}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
    return mapped
      .split("\n")
      .filter((line) => !isOurs(line))
      .join("\n");
  }
}
