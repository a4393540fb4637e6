import { toError, TidingsError } from "../core/errors.ts";

/** SQLite's result codes that say something about the storage, and what to do about each. */
const ADVICE: ReadonlyMap<number, string> = new Map([
  [3, "may not be opened; give this user access to it"],
  [5, "is locked by another process; end what holds it, or give this program a file of its own"],
  [6, "is locked; end what holds it, or give this program a file of its own"],
  [8, "may not be written; give this user write access to the file and its folder"],
  [10, "could not be read or written; check the disk and its free space"],
  [11, "is damaged; restore it, or move it away to start with an empty one"],
  [13, "has no room to grow: the disk is full; free some space"],
  [14, "could not be opened; check that its folder exists and may be written"],
  [26, "is no SQLite database; choose another file"],
]);

const BUSY = 5;

/**
 * Turns an error of SQLite or of the file system into STORAGE_UNAVAILABLE with advice.
 *
 * Any other error is returned as it is.
 *
 * @see https://www.sqlite.org/rescode.html
 */
export function toStorageError(thrown: unknown, path: string): Error {
  const error = toError(thrown);
  const advice = ADVICE.get(resultCode(error)) ?? fileAdvice(error);
  if (!advice) return error;
  return new TidingsError("STORAGE_UNAVAILABLE", `the database ${path} ${advice}`, {
    cause: error,
  });
}

/** Whether another connection holds the lock, so that trying again soon may help. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY;
}

/** The primary result code, which is the low byte of the extended one. */
function resultCode(error: unknown): number {
  if (!Error.isError(error) || !("errcode" in error)) return 0;
  return Number(error.errcode) & 0xff;
}

function fileAdvice(error: Error): string | undefined {
  if (!("syscall" in error && "code" in error)) return undefined;
  return `could not be opened (${String(error.code)}); check that its folder may be written`;
}
