let isChild = false;

/** Says that this thread or process runs the tasks of a pool. */
export function becomePoolChild(): void {
  isChild = true;
}

/**
 * Whether this thread or process runs the tasks of a pool.
 *
 * It loads the module that its pool was made in: no worker starts there, or there would be no end of them.
 */
export function isPoolChild(): boolean {
  return isChild;
}
