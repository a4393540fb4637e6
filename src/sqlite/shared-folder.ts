import { join } from "node:path";

let folder: string | undefined;

/**
 * From now on what this process keeps at `memory:` may be in files of this folder, which other processes
 * share. Before the first is opened, once in the life of a process.
 */
export function joinSharedFolder(path: string): void {
  folder = path;
}

/** The file in place of a memory of one's own, if several processes share theirs. */
export function sharedFile(name: string): string | undefined {
  return folder === undefined ? undefined : join(folder, name);
}
