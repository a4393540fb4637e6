/** Resolves when no promise has anything left to do, before anything is read or written. */
export function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
