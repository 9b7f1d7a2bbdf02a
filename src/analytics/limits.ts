/** What is kept of what Workers write. */

/** Points of one dataset: before there are more, the oldest 65,536 go. */
export const POINTS_MAX = 16 * 65_536;
/** Datasets; points of further ones are not kept. */
export const DATASETS_MAX = 100;
/** Bytes of a dataset's name. */
export const NAME_BYTES_MAX = 128;
/** Time for a query. */
export const QUERY_MS_MAX = 30_000;
/** Queries that run or wait. */
export const QUERIES_MAX = 16;
