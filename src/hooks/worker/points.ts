/** Analytics Engine for Workers: their points come here, from worker/pubsub-points.js. */
import { readFileSync } from "node:fs";
import { ownModule } from "./bundle.ts";
import type { WorkerProject } from "./configuration.ts";
import type { MiniflareInstance, MiniflareScript, MiniflareWorker } from "./miniflare.ts";

/** One call of `writeDataPoint` within its limits. */
export interface WorkerPoint {
  /** UNIX seconds. */
  readonly timestamp: number;
  readonly index: string;
  readonly blobs: readonly string[];
  readonly doubles: readonly number[];
}

/** Keeps points; resolves when it has them. */
export type WritePoints = (dataset: string, points: readonly WorkerPoint[]) => Promise<void>;

/** No Workers can have these names. */
const BINDING_SCRIPT = "pubsub:analytics";
const SERVICE = "pubsub:points";

interface Delivery {
  readonly points: readonly (Omit<WorkerPoint, "doubles"> & {
    readonly dataset: string;
    readonly doubles: readonly (number | string)[];
  })[];
  readonly remarks: readonly string[];
}

/** The datasets of a Worker in its `env`. */
export function datasetBindings({ configuration }: WorkerProject): MiniflareWorker["wrappedBindings"] {
  return Object.fromEntries(
    configuration.analytics_engine_datasets.map(({ binding, dataset = binding }) => [
      binding,
      { scriptName: BINDING_SCRIPT, bindings: { BINDING: binding, DATASET: dataset } },
    ]),
  );
}

/**
 * What runs for the datasets of Workers; nothing where there are none.
 * @param remark told what was not kept, and why
 */
export function pointScripts(
  projects: readonly WorkerProject[],
  write: WritePoints,
  remark: (text: string) => void,
): MiniflareScript[] {
  if (!hasDatasets(projects)) return [];
  const take = async (request: Request): Promise<Response> => {
    const { points, remarks } = (await request.json()) as Delivery;
    for (const text of remarks) remark(text);
    const byDataset = new Map<string, WorkerPoint[]>();
    for (const { dataset, timestamp, index, blobs, doubles } of points) {
      let own = byDataset.get(dataset);
      if (own === undefined) byDataset.set(dataset, (own = []));
      own.push({ timestamp, index, blobs, doubles: doubles.map(Number) });
    }
    for (const [dataset, own] of byDataset) await write(dataset, own);
    return new Response();
  };
  return [
    script(BINDING_SCRIPT, "pubsub-analytics.js", { POINTS: { name: SERVICE } }),
    {
      ...script(SERVICE, "pubsub-points.js", { HOST: take }),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    },
  ];
}

/** Waits for the points that Workers have written before. */
export async function pointsArrived(runtime: MiniflareInstance, projects: readonly WorkerProject[]): Promise<void> {
  if (!hasDatasets(projects)) return;
  const url = await runtime.unsafeGetDirectURL(SERVICE);
  await (await fetch(url, { signal: AbortSignal.timeout(DRAIN_MS_MAX) })).text();
}

/** A disk that takes longer than that has another problem. */
const DRAIN_MS_MAX = 2000;

function hasDatasets(projects: readonly WorkerProject[]): boolean {
  return projects.some(({ configuration }) => configuration.analytics_engine_datasets.length > 0);
}

function script(name: string, file: string, serviceBindings: MiniflareScript["serviceBindings"]): MiniflareScript {
  const contents = readFileSync(ownModule(file), "utf8");
  return { name, modules: [{ type: "ESModule", path: `/${file}`, contents }], modulesRoot: "/", serviceBindings };
}
