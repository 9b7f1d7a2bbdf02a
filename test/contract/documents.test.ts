/** What is made from the contract. `npm run contract` writes both documents anew. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { openApiDocument } from "../../src/contract/openapi.ts";
import { routes } from "../../src/contract/routes.ts";
import { harness } from "../api/harness.ts";
import { referencePage } from "./reference.ts";

describe("the OpenAPI document", () => {
  test("is docs/openapi.json", async () => {
    await expect(`${JSON.stringify(openApiDocument(), null, 1)}\n`).toMatchFileSnapshot("../../docs/openapi.json");
  });

  test("is valid", async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(
      JSON.parse(JSON.stringify(openApiDocument())) as Record<string, unknown>,
    );
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  test("has every operation, and refers to nothing that it has not", () => {
    const document = openApiDocument();
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    );
    expect(ids.toSorted()).toEqual(Object.keys(routes).toSorted());
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference!);
    const names = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(new Set(references)).toEqual(new Set(names));
  });

  test("is given by the server without a token, under its own name only", async () => {
    const { app } = harness({ allowedHosts: [] });
    const response = await app.request("http://localhost/openapi.json");
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
    expect((await app.request("http://evil.example/openapi.json")).status).toBe(403);
  });
});

test("the reference page is docs/api.md", async () => {
  await expect(referencePage(openApiDocument())).toMatchFileSnapshot("../../docs/api.md");
});
