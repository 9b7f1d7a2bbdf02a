/** What a query may take. */

/** Values (rows × columns) of an answer: beyond, it asks for a LIMIT. */
export const RESULT_VALUES_MAX = 5_000_000;
/** Characters of an answer in its format. */
export const RESULT_CHARS_MAX = 64 * 1024 * 1024;
/** Parts of a query after its aliases are replaced by what they stand for. */
export const EXPRESSION_PARTS_MAX = 20_000;
/** Characters of a query. */
export const QUERY_CHARS_MAX = 256 * 1024;
