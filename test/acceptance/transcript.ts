/**
 * Sessions of commands with what they print, as text files:
 *
 *     # a comment
 *     $ pubsub pub a/# hello
 *     ! error: "a/#" is a filter, not a topic: + and # stand for other topics
 *     !   → name the topic in full
 *     ? 2
 *
 * Lines after the command are standard output, those with `!` standard error, `?` is the exit code where it is not 0.
 * What differs from run to run is written as `<port>`, `<token>` and the like: see `normalize`.
 */
export interface Step {
  /** Comments and blank lines before the command. */
  before: string[];
  command: string;
  stdout: string;
  stderr: string;
  code: number;
}

export interface Transcript {
  steps: Step[];
  /** Comments and blank lines at the end. */
  after: string[];
}

export function parseTranscript(text: string): Transcript {
  const steps: Step[] = [];
  let before: string[] = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const step = steps.at(-1);
    if (line.startsWith("$ ")) {
      steps.push({ before, command: line.slice(2), stdout: "", stderr: "", code: 0 });
      before = [];
    } else if (line.startsWith("# ") || line === "") {
      before.push(line);
    } else if (!step || before.length > 0) {
      throw new Error(`"${line}" belongs to no command`);
    } else if (line.startsWith("! ") || line === "!") {
      step.stderr += `${line.slice(2)}\n`;
    } else if (line.startsWith("? ")) {
      step.code = Number(line.slice(2));
    } else {
      step.stdout += `${line}\n`;
    }
  }
  return { steps, after: before };
}

export function formatTranscript({ steps, after }: Transcript): string {
  const lines = steps.flatMap(({ before, command, stdout, stderr, code }) => [
    ...before,
    `$ ${command}`,
    ...linesOf(stdout),
    ...linesOf(stderr).map((line) => (line === "" ? "!" : `! ${line}`)),
    ...(code === 0 ? [] : [`? ${code}`]),
  ]);
  return [...lines, ...after].map((line) => `${line}\n`).join("");
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

const REPLACEMENTS: readonly (readonly [RegExp, string])[] = [
  [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, "<token>"],
  [/"apiToken": "[^"]+"/g, '"apiToken": "<token>"'],
  [/PUBSUB_API_TOKEN=\S+/g, "PUBSUB_API_TOKEN=<token>"],
  [/\b0[0-9A-HJKMNP-TV-Z]{25}\b/g, "<ulid>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, "<time>"],
  [/\b\d\d:\d\d:\d\d\.\d{3}\b/g, "<time>"],
  [/\b(127\.0\.0\.1|localhost):\d+/g, "$1:<port>"],
  [/\b[0-9a-f]{32}\b/g, "<id>"],
  [/("pid": |[Pp]rocess +|"stopped": |started .*process )\d+/g, "$1<pid>"],
  [/\b(?:[0-9A-F]{2}:){31}[0-9A-F]{2}\b/g, "<fingerprint>"],
  [/\b(size +|records, )\d+ bytes/g, "$1<n> bytes"],
  [/\(now\)|\(\d+ s ago\)|\bnow\b(?= {2})|\b\d+ s ago\b(?= {2})/g, "<ago>"],
  [/\b\d+(\.\d+)? ms\b/g, "<n> ms"],
  [/"ms":\d+(\.\d+)?/g, '"ms":<n>'],
  [/"mid":\d+/g, '"mid":<n>'],
  // Columns are as wide as what differs.
  [/(?<=\S) {2,}(?=\S)/g, "  "],
];

/** Output without what differs from run to run, and with an end of its last line. */
export function normalize(output: string, folder: string, home: string): string {
  const text = REPLACEMENTS.reduce(
    (all, [pattern, replacement]) => all.replaceAll(pattern, replacement),
    output.replaceAll(folder, "<folder>").replaceAll(home, "<home>"),
  );
  // An empty line of output would end the step.
  const visible = text.replaceAll(/^$(?=\n)/gm, "~");
  return visible === "" || visible.endsWith("\n") ? visible : `${visible}\n`;
}
