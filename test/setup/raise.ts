/** For `onError` and the like, where there must not be an error. */
export function raise(error: unknown): never {
  throw error;
}
