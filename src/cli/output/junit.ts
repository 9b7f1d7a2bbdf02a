/** Results of tests in the form that build servers read: JUnit's XML. */
import { writeFile } from "node:fs/promises";
import { unwritable } from "./line-file.ts";

export interface TestCase {
  readonly name: string;
  readonly ms: number;
  /** First line and the rest of what is wrong; undefined where nothing is. */
  readonly failure?: { readonly message: string; readonly text: string } | undefined;
}

export interface TestSuite {
  readonly name: string;
  readonly cases: readonly TestCase[];
}

/** @throws {UserError} `file-unwritable` */
export async function writeJunit(file: string, suites: readonly TestSuite[]): Promise<void> {
  try {
    await writeFile(file, formatJunit(suites));
  } catch (error) {
    throw unwritable(file, error);
  }
}

export function formatJunit(suites: readonly TestSuite[]): string {
  const all = suites.flatMap(({ cases }) => cases);
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites ${totals(all)}>`];
  for (const { name, cases } of suites) {
    lines.push(`  <testsuite name="${escape(name)}" ${totals(cases)}>`);
    for (const each of cases) lines.push(formatCase(name, each));
    lines.push("  </testsuite>");
  }
  return `${[...lines, "</testsuites>"].join("\n")}\n`;
}

function formatCase(suite: string, { name, ms, failure }: TestCase): string {
  const attributes = `classname="${escape(suite)}" name="${escape(name)}" time="${seconds(ms)}"`;
  if (failure === undefined) return `    <testcase ${attributes}/>`;
  const inner = `<failure message="${escape(failure.message)}">${escape(failure.text)}</failure>`;
  return `    <testcase ${attributes}>${inner}</testcase>`;
}

function totals(cases: readonly TestCase[]): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  const ms = cases.reduce((sum, each) => sum + each.ms, 0);
  return `tests="${cases.length}" failures="${failures}" time="${seconds(ms)}"`;
}

const seconds = (ms: number) => (ms / 1000).toFixed(3);

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escape(text: string): string {
  // XML 1.0 §2.2: of the control characters there are only these three.
  // eslint-disable-next-line no-control-regex
  const allowed = text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
  return allowed.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
}
