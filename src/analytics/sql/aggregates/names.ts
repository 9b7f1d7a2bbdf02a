/** The names of the functions over groups: a file of its own, since functions/ asks for them as well. */
export const documentedAggregates = [
  ...["count", "sum", "avg", "min", "max", "quantileExactWeighted", "quantileWeighted", "argMin", "argMax"],
  ...["first_value", "last_value", "topK", "topKWeighted", "countIf", "sumIf", "avgIf"],
] as const;

const furtherAggregates = ["any", "anyLast", "uniq", "uniqExact", "minIf", "maxIf", "uniqIf"] as const;

export type AggregateName = (typeof documentedAggregates)[number] | (typeof furtherAggregates)[number];

export const aggregateNames: readonly AggregateName[] = [...documentedAggregates, ...furtherAggregates];
