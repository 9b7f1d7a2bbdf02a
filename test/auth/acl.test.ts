import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAcl, filterCovers } from "../../src/auth/index.ts";
import { matchesFilter } from "../../src/broker/index.ts";

describe("what a topic ACL allows", () => {
  test("# is everything, and so no ACL at all", () => {
    expect(createAcl("#")).toBeUndefined();
    expect(createAcl(["a", "#"])).toBeUndefined();
  });

  test("no filter allows nothing", () => {
    const acl = createAcl([])!;
    expect(acl.mayPublish("a")).toBe(false);
    expect(acl.maySubscribe("a")).toBe(false);
  });

  test.each<[acl: string | string[], topic: string, allowed: boolean]>([
    ["a/b", "a/b", true],
    ["a/b", "a/B", false],
    ["a/b", "a/b/c", false],
    ["a/+", "a/b", true],
    ["a/+", "a", false],
    ["a/+", "a/", true],
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["a/#", "ab", false],
    ["+", "$SYS", false],
    ["+/x", "$SYS/x", false],
    ["$SYS/#", "$SYS/x", true],
    [["a", "b"], "b", true],
    [["a", "b"], "c", false],
  ])("%j: publish to %s: %s", (acl, topic, allowed) => {
    expect(createAcl(acl)!.mayPublish(topic)).toBe(allowed);
  });

  test.each<[acl: string | string[], filter: string, allowed: boolean]>([
    ["a/b", "a/b", true],
    ["a/b", "a/+", false],
    ["a/+", "a/+", true],
    ["a/+", "a/b", true],
    ["a/+", "a/#", false],
    ["a/#", "a/#", true],
    ["a/#", "a/+/b/#", true],
    ["a/#", "a", true],
    ["a/#", "+/b", false],
    ["a/#", "#", false],
    ["a/+/#", "a/#", false],
    ["+/#", "#", true],
    ["+/#", "$SYS/#", false],
    ["+/b", "$SYS/b", false],
    ["$SYS/#", "$SYS/+", true],
    [["a", "b/#"], "b/c", true],
    ["a/#", "$share/group/a/b", true],
    ["a/#", "$share/group/b", false],
    ["a/#", "$share/group", false],
    ["a/#", "$share/group/", false],
    ["$share/#", "$share/group/a", false],
  ])("%j: subscribe to %s: %s", (acl, filter, allowed) => {
    expect(createAcl(acl)!.maySubscribe(filter)).toBe(allowed);
  });
});

describe("covering, against all topics of a small world", () => {
  const names = ["", "a", "b", "$a"];
  const topics: string[] = [];
  const grow = (prefix: string[]) => {
    if (prefix.length > 0 && prefix.join("/") !== "") topics.push(prefix.join("/"));
    if (prefix.length < 4) for (const name of names) grow([...prefix, name]);
  };
  grow([]);

  const level = fc.constantFrom("", "a", "b", "$a", "+");
  const filter = fc
    .tuple(fc.array(level, { minLength: 0, maxLength: 3 }), fc.boolean())
    .map(([levels, wild]) => [...levels, ...(wild || levels.length === 0 ? ["#"] : [])])
    .filter((levels) => levels.join("/") !== "");

  // One more name than the filters know stands for all the others, so that no set of names makes up a `+`.
  const worldTopics = topics.flatMap((topic) => [topic, topic.replaceAll("b", "other")]);

  test("a filter covers another exactly if it matches every topic of it", () => {
    fc.assert(
      fc.property(filter, filter, (outer, inner) => {
        const matched = worldTopics.filter((topic) => matchesFilter(inner.join("/"), topic));
        const covered = matched.every((topic) => matchesFilter(outer.join("/"), topic));
        expect(filterCovers(outer, inner)).toBe(covered);
      }),
      { numRuns: 5000 },
    );
  });
});
