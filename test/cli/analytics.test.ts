import { writeFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { temporaryFolder } from "../setup/temporary-folder.ts";
import type { FakeClient } from "./world.ts";
import { pubsub } from "./world.ts";

const answer = {
  meta: [
    { name: "region", type: "String" },
    { name: "total", type: "Float64" },
  ],
  data: [
    { region: "eu\n", total: 32.5 },
    { region: "us", total: null },
  ],
  rows: 2,
  rows_before_limit_at_least: 2,
};

function fake(text: string, remarks: string[] = []): { client: FakeClient; asked: string[] } {
  const asked: string[] = [];
  const queryAnalytics = async (input: { text: string }) => {
    asked.push(input.text);
    return { text, remarks };
  };
  return { client: { queryAnalytics }, asked };
}

it("prints a table, or with --json the answer", async () => {
  const { client, asked } = fake(JSON.stringify(answer));
  const table = await pubsub(["analytics", "query", "SELECT 1"], { client });
  expect(table).toMatchObject({ code: 0, stdout: "region  total\neu\\n    32.5\nus      –\n" });
  const json = await pubsub(["analytics", "query", "SELECT 1", "--json"], { client });
  expect(JSON.parse(json.stdout)).toEqual(answer);
  expect(asked).toEqual(["SELECT 1", "SELECT 1"]);
});

it("prints the answer as it comes where a format is named", async () => {
  const { client, asked } = fake("eu\t1\n");
  expect((await pubsub(["analytics", "query", "SELECT 1 format TabSeparated;"], { client })).stdout).toBe("eu\t1\n");
  await pubsub(["analytics", "query", "SELECT 1 ;", "--format", "JSONEachRow"], { client });
  expect(asked[1]).toBe("SELECT 1\nFORMAT JSONEachRow");
  expect(await pubsub(["analytics", "query", "SELECT 1", "--format", "CSV"], { client })).toMatchObject({
    code: 2,
  });
});

it("reads the query from a file or standard input", async () => {
  const { client, asked } = fake(JSON.stringify({ ...answer, data: [] }));
  const file = path.join(temporaryFolder(), "q.sql");
  writeFileSync(file, "SELECT 'file'");
  expect((await pubsub(["analytics", "query", "-f", file], { client })).stderr).toContain("No rows.");
  await pubsub(["analytics", "query", "-"], { client, stdin: Readable.from(["SELECT 'stdin'"]) });
  expect(asked).toEqual(["SELECT 'file'", "SELECT 'stdin'"]);
  for (const argv of [[], ["SELECT 1", "-f", file]]) {
    expect(await pubsub(["analytics", "query", ...argv], { client })).toMatchObject({ code: 2 });
  }
});

it("warns of what Cloudflare does not document", async () => {
  const { client } = fake(JSON.stringify(answer), ["CASE", "uniq()"]);
  expect((await pubsub(["analytics", "query", "SELECT 1"], { client })).stderr).toBe(
    "warning: Cloudflare does not document CASE, uniq(); there the query may be refused\n",
  );
});

it("lists datasets", async () => {
  const data = [{ dataset: "payments", points: "3", newest: "2026-01-02 03:04:05" }];
  const { client } = fake(JSON.stringify({ data }));
  expect((await pubsub(["analytics", "datasets"], { client })).stdout).toMatch(
    /^DATASET +POINTS +NEWEST\npayments +3 /,
  );
  expect(JSON.parse((await pubsub(["analytics", "datasets", "--json"], { client })).stdout)).toEqual([
    { dataset: "payments", points: 3, newest: "2026-01-02T03:04:05Z" },
  ]);
});
