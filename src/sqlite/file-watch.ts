import { watch, type FSWatcher } from "node:fs";

/** What is written counts once it is on the disk: for so long after a write there is one look after another, */
const EAGER_MS = 1.5;
/** and then some after these waits. */
const WAITS_MS: readonly number[] = [1, 1, 2, 4, 8, 16];

/**
 * Looks for what others have committed to a file, soon after they write to it.
 *
 * A help and no more: where the system cannot watch the file, or it is not there, nobody looks.
 */
export class FileWatch implements Disposable {
  readonly #look: () => void;
  #watcher: FSWatcher | undefined;
  #writtenAt = 0;
  #waits = 0;
  #immediate: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, look: () => void) {
    this.#look = look;
    try {
      this.#watcher = watch(path, { persistent: false }, () => this.#begin());
      this.#watcher.on("error", () => this[Symbol.dispose]());
    } catch {
      // Too many files are watched already, or the system has no way to do it.
    }
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
  }

  #begin(): void {
    this.#writtenAt = performance.now();
    this.#waits = 0;
    clearTimeout(this.#timer);
    this.#immediate ??= setImmediate(() => this.#lookOn());
  }

  /** Looks, and again, even if something was found: that may have been the commit before. */
  #lookOn(): void {
    this.#immediate = undefined;
    this.#look();
    if (!this.#watcher) return;
    if (performance.now() - this.#writtenAt < EAGER_MS) {
      this.#immediate = setImmediate(() => this.#lookOn());
      return;
    }
    const waitMs = WAITS_MS[this.#waits++];
    if (waitMs === undefined) return;
    this.#timer = setTimeout(() => this.#lookOn(), waitMs);
    this.#timer.unref();
  }
}
