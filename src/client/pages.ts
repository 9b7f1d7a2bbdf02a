/** Lists that the API gives in pages. */

/** Goes through all of them. */
export async function* pages<Page extends { cursor?: string | null | undefined }>(
  fetchPage: (cursor: { cursor?: string }) => Promise<Page>,
): AsyncGenerator<Page> {
  let cursor: string | null | undefined;
  do {
    const page = await fetchPage(cursor ? { cursor } : {});
    yield page;
    cursor = page.cursor;
  } while (cursor);
}
