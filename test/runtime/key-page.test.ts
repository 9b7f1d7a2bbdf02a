import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyPage } from "../../src/runtime/key-page.ts";

test("pages hold every key once, in order, whatever order they come in", () => {
  const keys = fc.uniqueArray(fc.string({ maxLength: 3 }), { maxLength: 200 });
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 9 }), (all, limit) => {
      const found: string[] = [];
      let after: string | undefined;
      for (let hasMore = true; hasMore;) {
        const page = new KeyPage(after, limit);
        for (const key of all) page.add(key);
        const finished = page.finish();
        hasMore = finished.hasMore;
        expect(finished.keys.length).toBe(hasMore ? limit : Math.min(limit, all.length - found.length));
        found.push(...finished.keys);
        after = finished.keys.at(-1);
      }
      // As `<` does: the default order of sort().
      expect(found).toEqual(all.toSorted());
    }),
    { seed: 7 },
  );
});
