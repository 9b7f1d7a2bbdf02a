/** Splits a stream of bytes at line feeds, without taking the bytes for text. */

const LINE_FEED = 0x0a;

/** A piece may have thousands of lines: made as they are taken, they are gone before they cost the garbage collector. */
const GROUP_SIZE = 256;

/**
 * Yields the lines that each piece of the input completes, in groups, without their line feeds; what follows the last one too, if
 * it is not empty. Reads no faster than they are taken.
 * @throws {RangeError} where a line is longer than `maxBytes`
 */
export async function* splitLines(input: AsyncIterable<Buffer | string>, maxBytes: number): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of input) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      const line = bytes.subarray(start, end);
      lines.push(rest.length > 0 ? Buffer.concat([...rest, line]) : line);
      rest = [];
      restBytes = 0;
      start = end + 1;
      if (lines.length < GROUP_SIZE) continue;
      yield lines;
      lines = [];
    }
    if (lines.length > 0) yield lines;
    if (start === bytes.length) continue;
    rest.push(bytes.subarray(start));
    restBytes += bytes.length - start;
    if (restBytes > maxBytes) throw new RangeError(`a line is longer than ${maxBytes} bytes`);
  }
  if (rest.length > 0) yield [Buffer.concat(rest)];
}
