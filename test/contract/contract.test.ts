import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { apiErrors } from "../../src/contract/errors.ts";
import { type Operation, operations } from "../../src/contract/operations.ts";
import { type OperationName, type Route, routes } from "../../src/contract/routes.ts";
import { nameSchema, pathParameterSchemas, topicFilterSchema } from "../../src/contract/schemas.ts";
import type { Input } from "../../src/contract/types.ts";

const names = Object.keys(routes) as OperationName[];

describe("routes and operations", () => {
  // That they agree is checked by the compiler; so here only what types cannot say.
  test("are the same", () => {
    expect(Object.keys(operations).toSorted()).toEqual(names.toSorted());
  });

  test.each(names)("%s: its path parameters are known, and no name is used twice", (name) => {
    const route: Route = routes[name];
    const operation: Operation = operations[name];
    const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
    for (const parameter of inPath) expect(pathParameterSchemas).toHaveProperty(parameter);
    const all = [...inPath, ...Object.keys(route.query ?? {}), ...Object.keys(operation.body?.shape ?? {})];
    // The client's input is one flat object.
    expect(new Set(all).size).toBe(all.length);
  });

  test("no two share a method and a path", () => {
    const keys = names.map((name) => `${routes[name].method} ${routes[name].path}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each(names)("%s: its schemas can be written as JSON Schema, for OpenAPI", (name) => {
    const { query, body, result }: Operation = operations[name];
    for (const schema of [query, body]) {
      if (schema !== undefined) expect(z.toJSONSchema(schema, { io: "input" })).toHaveProperty("type", "object");
    }
    expect(z.toJSONSchema(result)).toBeTypeOf("object");
  });

  test("the client's types", () => {
    const input: Input<"createBroker"> = { namespace: "n", name: "b", on_publish: { url: null } };
    // @ts-expect-error the namespace is missing
    const withoutNamespace: Input<"describeBroker"> = { broker: "b" };
    // @ts-expect-error the account is the client's business
    const withAccount: Input<"describeNamespace"> = { namespace: "n", account: "a" };
    // @ts-expect-error no such authType
    const wrongType: Input<"createBroker"> = { namespace: "n", name: "b", authType: "NONE" };
    expect([input, withoutNamespace, withAccount, wrongType]).toHaveLength(4);
  });
});

describe("errors", () => {
  test("have numbers of their own", () => {
    const codes = Object.values(apiErrors).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});

describe("names are labels of RFC 1035", () => {
  test.each(["a", "A1", "my-broker", "a--b", "x".repeat(63)])("%s", (name) => {
    expect(nameSchema.parse(name)).toBe(name.toLowerCase());
  });
  test.each(["", "1a", "-a", "a-", "a_b", "a.b", "a b", "ä", "a\n", "x".repeat(64), 7, null])("not %j", (name) => {
    expect(nameSchema.safeParse(name).success).toBe(false);
  });
});

describe("topic filters", () => {
  test.each(["#", "+", "a", "a/#", "+/+", "/", "//", "/#", "a//b", "a/+/b", "$SYS/#", "a,b/c", "ü"])("%s", (filter) => {
    expect(topicFilterSchema.parse(filter)).toBe(filter);
  });
  test.each(["", "a#", "#/a", "a/#/b", "a+", "+a/b", "##", "a/b+", "\u0000", "$share/g/a", "x".repeat(65_536)])(
    "not %j",
    (filter) => {
      expect(topicFilterSchema.safeParse(filter).success).toBe(false);
    },
  );
  test("long ones take no time", () => {
    const startMs = performance.now();
    topicFilterSchema.safeParse(`${"a/".repeat(30_000)}+a`);
    topicFilterSchema.safeParse(`${"+/".repeat(30_000)}#a`);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });
});

test("what the client and the command line load does not contain zod", async () => {
  const file = (name: string) => fileURLToPath(new URL(`../../src/${name}`, import.meta.url));
  const { metafile } = await build({
    entryPoints: ["client/index.ts", "contract/routes.ts", "contract/errors.ts", "contract/event-names.ts"].map(file),
    outdir: "out",
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    metafile: true,
  });
  expect(Object.keys(metafile.inputs).filter((input) => input.includes("node_modules"))).toEqual([]);
});
