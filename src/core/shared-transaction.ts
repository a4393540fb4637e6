/**
 * A transaction that two stores have in common.
 *
 * Stores that carry the same object keep their data in the same place, so what one does and what the
 * other does can be made durable together.
 */
export interface SharedTransaction {
  /**
   * Runs `work` in a transaction: all that it changes is kept, or nothing when it throws.
   *
   * `work` may run more than once, so it must have no effect but its changes.
   */
  run<T>(work: () => T): Promise<T>;
}
