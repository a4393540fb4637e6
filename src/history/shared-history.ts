let file: string | undefined;

/**
 * From now on `memory:` histories that this process opens are those of all processes that name the same
 * file. Before the first one is opened, once in the life of a process.
 */
export function joinSharedHistory(path: string): void {
  file = path;
}

/** The file that `memory:` histories are in, if several processes share them. */
export function sharedHistoryFile(): string | undefined {
  return file;
}
