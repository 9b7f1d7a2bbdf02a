export type { Format } from "./ast.ts";
export { SqlError, describeSqlError } from "./error.ts";
export { functionNames } from "./functions/index.ts";
export { contentTypes, formatAnswer } from "./format.ts";
export { QUERY_CHARS_MAX } from "./limits.ts";
export { parse } from "./parser.ts";
export type { Chunk, ColumnData, Relation, RelationColumn } from "./relation.ts";
export { run } from "./run.ts";
export { DATETIME, FLOAT64, STRING, UINT32 } from "./types.ts";
