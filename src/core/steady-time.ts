/**
 * The time in milliseconds since 1970 as it was when the process started, and evenly from there.
 *
 * For what is waited for within one process: somebody may set the clock meanwhile, and a time difference
 * would be wrong by as much. Other processes do not agree on it.
 */
export function steadyTime(): number {
  return performance.timeOrigin + performance.now();
}
